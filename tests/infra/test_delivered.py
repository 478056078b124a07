"""What a delivery tells of its message without a header being read."""

import pytest

from infra.delivered import delivered
from infra.raw_headers import headers_told, status_of
from infra.stamps import stored_ms

SUBJECT = b"call.practice.c1.line"


@pytest.mark.parametrize(
    "reply",
    [
        b"$JS.ACK.CALLS.tables.1.4812.7.1780000004210123456.3",
        b"$JS.ACK._.ACCOUNT.CALLS.tables.1.4812.7.1780000004210123456.3",
        b"$JS.ACK.hub.ACCOUNT.CALLS.tables.1.4812.7.1780000004210123456.3.x7",
    ],
    ids=["plain", "with an account", "with a domain and more"],
)
def test_the_reply_subject_tells_the_place_and_the_time(reply: bytes) -> None:
    message = delivered(SUBJECT, reply, b"{}")
    assert (message.subject, message.payload) == ("call.practice.c1.line", b"{}")
    assert (message.sequence, message.nth) == (4812, 7)
    assert message.stored_at.timestamp() * 1000 == stored_ms(1_780_000_004_210_123_456)


@pytest.mark.parametrize("reply", [b"", b"_INBOX.x.1", b"$JS.ACK.CALLS.tables.1"])
def test_what_no_consumer_delivered_is_refused(reply: bytes) -> None:
    with pytest.raises(ValueError, match="not a consumer's"):
        delivered(SUBJECT, reply, b"{}")


def test_a_subject_that_is_no_text_ends_nobodys_connection() -> None:
    message = delivered(b"call.\xff", b"$JS.ACK.CALLS.tables.1.4812.7.1780000004210123456.3", b"")
    assert message.subject == "call.\N{REPLACEMENT CHARACTER}"


def test_the_servers_word_is_told_from_a_writers_headers() -> None:
    expired = b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\n\r\n"
    stored = b"NATS/1.0\r\nNats-Msg-Id: 408\r\nNats-Sequence: 9\r\nNats-Sequence: 12\r\n\r\n"
    assert (status_of(expired), status_of(stored), status_of(b"")) == ("408", "", "")
    assert headers_told(expired) == {"Nats-Pending-Messages": "3"}
    assert headers_told(stored)["Nats-Sequence"] == "12"
