"""Tokens: bound to one stint of a call, for a minute."""

import pytest

from contracts.ids import CallId
from services.gateway.tokens import BadToken, Tokens

CALL, NOW = CallId("call"), 1_700_000_000_000
TOKENS = Tokens(b"secret", 60)


def test_a_token_opens_its_call_for_a_minute() -> None:
    token = TOKENS.issue(CALL, 1, NOW)
    Tokens(b"secret", 60).check(token, CALL, 1, NOW + 59_000)
    with pytest.raises(BadToken, match="expired"):
        TOKENS.check(token, CALL, 1, NOW + 60_000)


@pytest.mark.parametrize("token", ["", ".", "..", "9999999999.x.y", "é.é.é", "x" * 2000])
def test_what_was_not_issued_opens_nothing(token: str) -> None:
    with pytest.raises(BadToken, match="wrong"):
        TOKENS.check(token, CALL, 1, NOW)


def test_a_token_opens_no_other_call_or_stint_and_no_other_secret_makes_it() -> None:
    token = TOKENS.issue(CALL, 1, NOW)
    others = ((TOKENS, CallId("other"), 1), (TOKENS, CALL, 2), (Tokens(b"", 60), CALL, 1))
    for tokens, call, stint in others:
        with pytest.raises(BadToken, match="wrong"):
            tokens.check(token, call, stint, NOW)


def test_a_token_cannot_be_prolonged() -> None:
    expires, nonce, seal = TOKENS.issue(CALL, 1, NOW).split(".")
    with pytest.raises(BadToken, match="wrong"):
        TOKENS.check(f"{int(expires) + 60}.{nonce}.{seal}", CALL, 1, NOW)


def test_two_tokens_of_a_call_differ() -> None:
    assert TOKENS.issue(CALL, 1, NOW) != TOKENS.issue(CALL, 1, NOW)
