"""What the server sends, cut wherever the network cuts it."""

from typing import NamedTuple

import pytest

from infra.audio_client import AudioClient

HEADERS = b"NATS/1.0\r\nNats-Msg-Id: 7\r\n\r\n"
DIRECT, OTHER = 1, 2  # subscriptions with a synchronous callback, and without


class Came(NamedTuple):
    number: int
    subject: bytes
    reply: bytes
    payload: bytes
    headers: bytes


class Receiving(AudioClient):
    """Notes what comes, and by which way."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[Came | str] = []
        self._on_raw[DIRECT] = lambda *told: self.came.append(Came(DIRECT, *told))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        self.came.append(Came(sid, subject, reply, data, headers or b""))

    async def _process_ping(self) -> None:
        self.came.append("PING")


def sent(came: Came | str) -> bytes:
    if isinstance(came, str):
        return f"{came}\r\n".encode()
    words = [came.subject, b"%d" % came.number, *([came.reply] if came.reply else [])]
    whole = came.headers + came.payload
    if came.headers:
        return b"HMSG %b %d %d\r\n%b\r\n" % (b" ".join(words), len(came.headers), len(whole), whole)
    return b"MSG %b %d\r\n%b\r\n" % (b" ".join(words), len(whole), whole)


EVERYTHING: tuple[Came | str, ...] = tuple(
    Came(number, b"call.main.c.line", reply, payload, headers)
    for number in (DIRECT, OTHER)
    for reply in (b"", b"$JS.ACK.CALLS.c.1.2.3.4.5")
    for payload in (b"", b"\r\n", b"MSG a 1 2\r\nhi\r\n", b"{}" * 3_000)
    for headers in (b"", HEADERS)
)
IN_TURN = (*EVERYTHING, "PING", *EVERYTHING[::-1], *EVERYTHING[::3], "PING", EVERYTHING[0])


@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 100, 4_097, 32_768, 1 << 20])
async def test_every_message_comes_whole_and_in_its_turn(piece_bytes: int) -> None:
    client, stream = Receiving(), b"".join(map(sent, IN_TURN))
    for start in range(0, len(stream), piece_bytes):
        await client._ps.parse(stream[start : start + piece_bytes])
    assert client.came == list(IN_TURN)
