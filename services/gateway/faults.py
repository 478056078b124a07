"""An error in one line must not reach the others, nor its text the log: it may quote the caller."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from services.gateway.leg import ProtocolBroken
from services.gateway.line import Line

_log: Final = logging.getLogger("partyline.gateway")
Argument = TypeVar("Argument")


@contextmanager
def alone(line: Line) -> Iterator[None]:
    """Whatever goes wrong in the block is the end of this line and of no other."""
    try:
        yield
    except Exception as fault:
        _end(line, fault)


def guarded(line: Line, act: Callable[[Argument], None]) -> Callable[[Argument], None]:
    """`act` for callbacks that others call, whose errors would be theirs."""

    def quietly(argument: Argument) -> None:
        try:
            act(argument)
        except Exception as fault:
            _end(line, fault)

    return quietly


def _end(line: Line, fault: Exception) -> None:
    if isinstance(fault, ProtocolBroken):
        _log.warning("call %s: socket refused: %s", line.call, fault)
        line.end("refused", code=fault.code)
    else:
        _log.error("call %s: fault: %s", line.call, kind(fault))
        line.lose("fault in the gateway")


def kind(fault: Exception) -> str:
    """The error's class and where it rose."""
    last = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} in {last.name}, line {last.lineno}"
