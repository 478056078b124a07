"""What goes wrong at a vendor that speaks over a socket, for every adapter alike."""

import socket
from collections.abc import Awaitable, Callable

import pytest
from vendors.serving import Refusal, another_host
from vendors.voice_sockets import Speaking
from voices_on_sockets import ADAPTERS, Adapter, Line, spoken

from services.tts.provider import SynthesisError

WORDS = "Your number is four five six."
NOBODY = "http://127.0.0.1:9"
every_adapter = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
Script = Callable[[Speaking], Awaitable[None]]


async def failure(adapter: Adapter, url: str, key: str, wait_ms: int = 5_000) -> SynthesisError:
    """How the sentence failed; that the error tells nothing of words and key is checked here."""
    synthesiser = adapter.make(key, url, wait_ms)
    try:
        async with adapter.vendor() as nobody:
            with pytest.raises(SynthesisError) as failed:
                await spoken(Line(adapter, nobody, synthesiser), WORDS)
    finally:
        await synthesiser.close()
    told = failed.value
    assert told.provider == synthesiser.name
    assert told.__suppress_context__ or told.__context__ is None
    assert WORDS not in str(told)
    assert key not in str(told) + repr(synthesiser)
    return told


async def refused(adapter: Adapter, refusal: Refusal) -> SynthesisError:
    """And that nothing is tried twice in secret."""
    async with adapter.vendor() as vendor:
        vendor.refusal = refusal
        failed = await failure(adapter, vendor.url, vendor.key)
        assert vendor.requests == 1
    return failed


async def broken(adapter: Adapter, script: Script, wait_ms: int = 5_000) -> tuple[str, bool]:
    """Kind, and whether it may be better later."""
    async with adapter.vendor() as vendor:
        vendor.script = script
        failed = await failure(adapter, vendor.url, vendor.key, wait_ms)
        assert vendor.requests == 1
    return failed.kind, failed.retryable


async def half(speaking: Speaking) -> None:
    await speaking.audio(b"\x11" * 320)
    speaking.client.break_off()


async def nothing_then_gone(speaking: Speaking) -> None:
    speaking.client.break_off()


async def stalled(speaking: Speaking) -> None:
    await speaking.audio(b"\x11" * 320)
    await speaking.unwanted()


async def garbage(speaking: Speaking) -> None:
    await speaking.client.say_raw("<html>about your words</html>")
    await speaking.unwanted()


async def nothing(speaking: Speaking) -> None:
    """Not a sound, and no end of it."""


@every_adapter
async def test_a_key_that_is_rejected_is_not_worth_a_second_try(adapter: Adapter) -> None:
    async with adapter.vendor() as vendor:
        failed = await failure(adapter, vendor.url, "sk-wrong")
        assert vendor.requests == 1
        vendor.violations.clear()
    assert (failed.kind, failed.retryable) == ("unauthorized", False)


@every_adapter
async def test_a_quota_used_up_is_not_worth_a_second_try(adapter: Adapter) -> None:
    failed = await refused(adapter, Refusal(402, {"error": WORDS}))
    assert (failed.kind, failed.retryable) == ("quota", False)
    if adapter.used_up:
        assert await broken(adapter, adapter.used_up) == ("quota", False)


@every_adapter
async def test_too_many_requests_say_when_to_come_back(adapter: Adapter) -> None:
    failed = await refused(adapter, Refusal(429, {"error": WORDS}, {"Retry-After": "7"}))
    assert (failed.kind, failed.retryable, failed.retry_after_s) == ("rate_limited", True, 7.0)


@every_adapter
@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_a_vendor_in_trouble_may_be_better_later(adapter: Adapter, status: int) -> None:
    failed = await refused(adapter, Refusal(status, WORDS.encode()))
    assert (failed.kind, failed.retryable) == ("unavailable", True)


@every_adapter
@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_wrong_request_stays_wrong(adapter: Adapter, status: int) -> None:
    failed = await refused(adapter, Refusal(status, {"error": {"message": WORDS}}))
    assert (failed.kind, failed.retryable) == ("refused", False)


@every_adapter
async def test_a_redirect_does_not_carry_words_or_key_elsewhere(adapter: Adapter) -> None:
    async with another_host() as (elsewhere, came):
        failed = await refused(adapter, Refusal(301, {}, {"Location": f"ws://{elsewhere}/"}))
    assert not came
    assert (failed.kind, failed.retryable) == ("refused", False)


@every_adapter
async def test_nobody_at_the_address_may_be_better_later(adapter: Adapter) -> None:
    failed = await failure(adapter, NOBODY, "sk-any")
    assert (failed.kind, failed.retryable) == ("unreachable", True)


@every_adapter
async def test_a_vendor_that_never_answers_the_handshake_is_given_up(adapter: Adapter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        failed = await failure(adapter, address, "sk-any", wait_ms=50)
    assert (failed.kind, failed.retryable) == ("timeout", True)


@every_adapter
@pytest.mark.parametrize("script", [half, nothing_then_gone])
async def test_half_a_sentence_is_a_failure_not_a_short_sentence(
    adapter: Adapter, script: Script
) -> None:
    assert await broken(adapter, script) == ("disconnected", True)


@every_adapter
async def test_a_voice_that_falls_silent_is_given_up(adapter: Adapter) -> None:
    assert await broken(adapter, stalled, wait_ms=50) == ("timeout", True)


@every_adapter
async def test_what_makes_no_sense_is_not_played(adapter: Adapter) -> None:
    assert await broken(adapter, garbage) == ("garbled", True)


@every_adapter
async def test_an_answer_without_sound_is_not_a_sentence(adapter: Adapter) -> None:
    assert await broken(adapter, nothing, wait_ms=1_000) == (adapter.nothing_said, True)


@every_adapter
@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        (1000, "disconnected", True),
        (1008, "refused", False),
        (1011, "unavailable", True),
        (1012, "unavailable", True),
    ],
)
async def test_a_vendor_that_hangs_up_says_why_by_its_code(
    adapter: Adapter, code: int, kind: str, retryable: bool
) -> None:
    async def hang_up(speaking: Speaking) -> None:
        await speaking.client.close(code, "about your words")

    assert await broken(adapter, hang_up) == (kind, retryable)
