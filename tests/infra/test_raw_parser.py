"""The short way for raw subscriptions, against nats-py's own parser."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.protocol.parser import Parser

from infra.raw_parser import RawParser

RAW, USUAL = 1, 2  # subscriptions

Taken = tuple[Any, ...]


class Client:
    """What a parser tells its client, in order."""

    def __init__(self, *raw: int) -> None:
        self.taken: list[Taken] = []
        self._on_raw = dict.fromkeys(raw, self._take_raw)

    def _take_raw(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes) -> None:
        assert {type(each) for each in (subject, reply, payload, headers)} == {bytes}
        self.taken.append((RAW, subject, reply, payload, headers))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.taken.append((sid, subject, reply, data, headers or b""))

    async def _process_ping(self) -> None:
        self.taken.append(("ping",))


def told(sid: int, reply: bytes, payload: bytes, head: bytes | None) -> bytes:
    place = b"call.main.c1.line %d %b" % (sid, reply + b" " if reply else b"")
    if head is None:
        return b"MSG %b%d\r\n%b\r\n" % (place, len(payload), payload)
    sizes = (len(head), len(head) + len(payload))
    return b"HMSG %b%d %d\r\n%b%b\r\n" % (place, *sizes, head, payload)


payloads = st.sampled_from((b"", b"\r\n", b"MSG a 1 2\r\n", b"{}")) | st.binary(max_size=40)
heads = st.none() | st.sampled_from((b"NATS/1.0\r\n\r\n", b"NATS/1.0 408 Timeout\r\n\r\n"))
replies = st.sampled_from((b"", b"$JS.ACK.CALLS.c.1.7.3.17000.0"))
messages = st.builds(told, st.sampled_from((RAW, USUAL)), replies, payloads, heads)
streams = st.lists(messages | st.just(b"PING\r\n"), max_size=12).map(b"".join)


@given(stream=streams, cuts=st.lists(st.integers(0, 600), max_size=8))
async def test_however_what_comes_is_cut_the_same_messages_are_taken(
    stream: bytes, cuts: list[int]
) -> None:
    whole, cut = Client(), Client(RAW)
    await Parser(whole).parse(stream)
    parser = RawParser(cut)
    ends = [*sorted(min(end, len(stream)) for end in cuts), len(stream)]
    for start, end in zip([0, *ends], ends, strict=False):
        if start < end:
            await parser.parse(stream[start:end])
    assert cut.taken == whole.taken


@pytest.mark.parametrize("head", [None, b"NATS/1.0\r\n\r\n"])
async def test_a_raw_message_is_not_left_to_the_usual_way(head: bytes | None) -> None:
    class Strict(Client):
        async def _process_msg(self, *_: Any) -> None:
            raise AssertionError("the long way")

    client = Strict(RAW)
    await RawParser(client).parse(told(RAW, b"", b"frame", head) * 3)
    assert [each[3] for each in client.taken] == [b"frame"] * 3


async def test_a_payload_that_looks_like_a_message_is_none_where_it_is_cut_off() -> None:
    client = Client(RAW)
    message = told(RAW, b"", told(RAW, b"", b"inner", None), None)
    at = message.index(b"\r\n") + 2
    parser = RawParser(client)
    await parser.parse(message[:at])
    await parser.parse(message[at:])
    assert [each[3] for each in client.taken] == [told(RAW, b"", b"inner", None)]
