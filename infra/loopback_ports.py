"""Ports on this machine that a server of ours can have."""

import random
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
# Below the kernel's own range (32768 on): a client that keeps calling a dead port in there can be
# given that very port as its own end, be connected to itself, and keep the server from coming back.
_PORTS: Final = range(20_000, 32_000)


def free_port(besides: Collection[int] = ()) -> int:
    """A loopback port nobody listens on. `besides`: those that somebody is about to take."""
    return free_ports(1, besides)[0]


def free_ports(number: int, besides: Collection[int] = ()) -> tuple[int, ...]:
    """As many different ones."""
    free: list[int] = []
    eligible = [port for port in _PORTS if port not in besides]
    for port in random.sample(eligible, min(100, len(eligible))):
        if is_free(port):
            free.append(port)
        if len(free) == number:
            return tuple(free)
    raise OSError(f"no free port on {HOST} from {_PORTS.start} to {_PORTS.stop - 1}")


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def previous_ports(noted: Path, besides: Collection[int] = ()) -> tuple[int, ...]:
    """The ports noted in a file, in its order; none when one of them is taken, or about to be."""
    try:
        ports = tuple(int(port) for port in noted.read_text().split())
    except (FileNotFoundError, ValueError):
        return ()
    return ports if all(port not in besides and is_free(port) for port in ports) else ()


def note_ports(noted: Path, *ports: int) -> None:
    """Keep them for the next start."""
    noted.write_text(" ".join(map(str, ports)))
