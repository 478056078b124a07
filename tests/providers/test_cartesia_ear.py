"""Cartesia's Ink through its own SDK, against a server that speaks its protocol."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from ears import hear, hear_next, speak, told
from vendors.cartesia import InkLine, InkServer

from contracts.agent import Agent, Provider, Turns
from services.audio.frames import SILENT_FRAME
from services.stt.provider import RecognitionFailed
from services.stt.providers.cartesia import Cartesia
from services.stt.providers.socket_ear import SocketEar

AGENT = Agent(name="clinic")
WORDS = "my number is four five six"


def agent(silence_ms: int = 500, **options: object) -> Agent:
    return Agent(
        name="clinic",
        stt=Provider(provider="cartesia", options=options),
        turns=Turns(silence_ms=silence_ms),
    )


EARLY = agent(turn_eager_end_threshold=0.5)


@asynccontextmanager
async def listening(
    server: InkServer, agent: Agent = AGENT, **waits_ms: int
) -> AsyncIterator[SocketEar]:
    cartesia = Cartesia(server.key, server.url, **waits_ms)
    ear = await cartesia.open(agent, "en-US")
    try:
        yield ear
    finally:
        await ear.close()
        await cartesia.close()


async def cancels(line: InkLine) -> None:
    """A caller who hesitates: the first likely end is none."""
    await line.start()
    await line.update(" I want to cancel")
    await line.eager(" I want to cancel")
    await line.resume()
    await line.update(" I want to cancel my subscription")
    await line.eager(" I want to cancel my subscription please.")
    await line.end(" I want to cancel my subscription please.")


async def test_a_likely_end_is_told_taken_back_and_told_again(cartesia_server: InkServer) -> None:
    cartesia_server.script = cancels
    async with listening(cartesia_server, EARLY) as ear:
        speak(ear)
        heard = await hear(ear)
    assert told(heard) == [
        ("I want to cancel", "draft"),
        ("I want to cancel", "eager"),
        ("I want to cancel", "draft"),
        ("I want to cancel my subscription", "draft"),
        ("I want to cancel my subscription please.", "eager"),
        ("I want to cancel my subscription please.", "final"),
    ]


async def test_likely_ends_are_drafts_unless_the_agent_wants_them(
    cartesia_server: InkServer,
) -> None:
    cartesia_server.script = cancels
    async with listening(cartesia_server) as ear:
        heard = await hear(ear)
    assert told(heard) == [
        ("I want to cancel", "draft"),
        ("I want to cancel my subscription", "draft"),
        ("I want to cancel my subscription please.", "draft"),
        ("I want to cancel my subscription please.", "final"),
    ]


async def test_the_request_asks_for_telephone_audio_and_takes_the_agents_options(
    cartesia_server: InkServer,
) -> None:
    wanted = agent(turn_end_threshold=0.1, keyterm=["Ostermann", "dry socket"])
    async with listening(cartesia_server, wanted):
        query = cartesia_server.lines[0].query
    assert query.getall("keyterm") == ["Ostermann", "dry socket"]
    assert {name: query[name] for name in query if name != "keyterm"} == {
        "model": "ink-2",
        "encoding": "pcm_mulaw",
        "sample_rate": "8000",
        "turn_end_threshold": "0.1",
        "turn_end_timeout_ms": "2200",
    }


@pytest.mark.parametrize(
    ("wanted", "timeout_ms"),
    [
        (agent(silence_ms=400), "2100"),
        (agent(silence_ms=20_000), "11200"),
        (agent(turn_end_timeout_ms=5_600), "5600"),
    ],
)
async def test_the_vendor_waits_no_longer_than_the_agent_would(
    cartesia_server: InkServer, wanted: Agent, timeout_ms: str
) -> None:
    async with listening(cartesia_server, wanted):
        assert cartesia_server.lines[0].query["turn_end_timeout_ms"] == timeout_ms


async def test_finish_sends_all_audio_and_then_the_silence_that_ends_a_turn(
    cartesia_server: InkServer,
) -> None:
    frames, silence = 6 * 160, 640 * 8

    async def script(line: InkLine) -> None:
        await line.start()
        await line.heard(frames + silence)
        await line.end("Yes please")

    cartesia_server.script = script
    async with listening(cartesia_server, agent(turn_end_timeout_ms=640)) as ear:
        speak(ear, frames=6)
        ear.finish()
        assert told(await hear(ear)) == [("Yes please", "final")]
    line = cartesia_server.lines[0]
    assert bytes(line.audio[frames:]) == SILENT_FRAME * 32
    assert max(line.messages_bytes) == 640


async def test_finish_outside_of_a_turn_is_answered_with_nothing_understood(
    cartesia_server: InkServer,
) -> None:
    async with listening(cartesia_server, final_ms=50) as ear:
        ear.finish()
        assert told(await hear(ear)) == [("", "final")]


async def test_a_turn_that_ends_after_it_was_given_up_is_not_told_twice(
    cartesia_server: InkServer,
) -> None:
    settled = asyncio.Event()

    async def script(line: InkLine) -> None:
        await line.start()
        await line.update("Are you open")
        await settled.wait()
        await line.end("Are you open")
        await line.start()
        await line.end(" Hello?")

    cartesia_server.script = script
    async with listening(cartesia_server, final_ms=50) as ear:
        assert told([await hear_next(ear)]) == [("Are you open", "draft")]
        ear.finish()
        assert told(await hear(ear)) == [("Are you open", "final")]
        settled.set()
        assert told(await hear(ear)) == [("Hello?", "final")]


async def test_a_silent_line_is_kept_open_with_a_little_silence(
    cartesia_server: InkServer,
) -> None:
    async with listening(cartesia_server, keep_alive_ms=20):
        line = cartesia_server.lines[0]
        await line.heard(3 * 640)
    assert set(line.audio) == set(SILENT_FRAME)


async def test_closing_amid_a_turn_hangs_up_at_once(cartesia_server: InkServer) -> None:
    async def script(line: InkLine) -> None:
        await line.start()

    cartesia_server.script = script
    async with listening(cartesia_server) as ear:
        speak(ear)
        line = cartesia_server.lines[0]
        await line.heard(640)
    await line.left()
    assert (line.close_code, line.controls) == (1000, [])


async def test_closing_towards_a_dead_vendor_is_bounded(cartesia_server: InkServer) -> None:
    async with asyncio.timeout(8), listening(cartesia_server):
        cartesia_server.lines[0].stop_reading()
    cartesia_server.lines[0].break_off()
    cartesia_server.violations.clear()


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "refused", False),
        (401, "unauthorized", False),
        (402, "quota", False),
        (429, "rate_limited", True),
        (500, "unavailable", True),
    ],
)
async def test_an_error_amid_the_call_says_what_it_is_and_whether_a_fresh_ear_helps(
    cartesia_server: InkServer, status: int, kind: str, retryable: bool
) -> None:
    async def script(line: InkLine) -> None:
        await line.error(status, message=WORDS)

    cartesia_server.script = script
    async with listening(cartesia_server) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
    assert str(failed.value) == f"cartesia: {kind}"
    assert failed.value.retryable is retryable


async def test_messages_of_unknown_types_are_passed_over(cartesia_server: InkServer) -> None:
    async def script(line: InkLine) -> None:
        await line.say({"type": "turn.something_new", "transcript": WORDS})
        await line.start()
        await line.end("Hello")

    cartesia_server.script = script
    async with listening(cartesia_server) as ear:
        assert told(await hear(ear)) == [("Hello", "final")]


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    cartesia_server: InkServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(line: InkLine) -> None:
        await line.start()
        await line.end(WORDS)

    cartesia_server.script = script
    async with listening(cartesia_server) as ear:
        assert (await hear(ear))[-1].text == WORDS
    assert "five six" not in caplog.text
    assert cartesia_server.key not in caplog.text
