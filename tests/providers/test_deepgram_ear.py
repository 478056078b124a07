"""Deepgram through its own SDK, against a server that speaks its protocol."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from ears import hear, hear_next, speak, told
from eventually import eventually_async
from vendors.deepgram import DeepgramServer, Line

from contracts.agent import Agent, Provider, Turns
from services.stt.provider import RecognitionFailed
from services.stt.providers.deepgram import Deepgram
from services.stt.providers.outbox import WAITING_FRAMES
from services.stt.providers.socket_ear import SocketEar

AGENT = Agent(name="clinic", turns=Turns(silence_ms=400))
WORDS = "my number is four five six"


@asynccontextmanager
async def listening(
    server: DeepgramServer, agent: Agent = AGENT, **waits_ms: int
) -> AsyncIterator[SocketEar]:
    deepgram = Deepgram(server.key, server.url, **waits_ms)
    ear = await deepgram.open(agent, "en-US")
    try:
        yield ear
    finally:
        await ear.close()
        await deepgram.close()


async def until(holds: Callable[[], bool]) -> None:
    async def held() -> bool:
        return holds()

    await eventually_async(held, within_s=5)


async def test_a_turn_is_drafted_while_the_caller_speaks_and_final_when_speech_ends(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        await line.heard(6 * 160)
        await line.results("i would like")
        await line.results("I would like an appointment,", confidence=0.9, is_final=True)
        await line.results("on tuesday")
        await line.results("on Tuesday", confidence=0.6, is_final=True, speech_final=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        speak(ear)
        heard = await hear(ear)

    assert [(piece.text, piece.final) for piece in heard] == [
        ("i would like", False),
        ("I would like an appointment,", False),
        ("I would like an appointment, on tuesday", False),
        ("I would like an appointment, on Tuesday", True),
    ]
    assert heard[-1].confidence == pytest.approx((0.9 * 28 + 0.6 * 10) / 38)
    assert deepgram_server.lines[0].controls[-1] == "CloseStream"


async def test_the_request_asks_for_telephone_audio_drafts_and_the_agents_silence(
    deepgram_server: DeepgramServer,
) -> None:
    agent = Agent(
        name="clinic",
        stt=Provider(provider="deepgram", options={"keyterm": ["Ostermann", "veneer"]}),
        turns=Turns(silence_ms=350),
    )
    async with listening(deepgram_server, agent):
        query = deepgram_server.lines[0].query
    assert query.getall("keyterm") == ["Ostermann", "veneer"]
    assert {name: query[name] for name in query if name != "keyterm"} == {
        "model": "nova-3",
        "language": "en-US",
        "encoding": "mulaw",
        "sample_rate": "8000",
        "channels": "1",
        "interim_results": "true",
        "smart_format": "true",
        "endpointing": "350",
        "utterance_end_ms": "1000",
    }


async def test_the_agents_model_replaces_the_default(deepgram_server: DeepgramServer) -> None:
    agent = Agent(name="clinic", stt=Provider(provider="deepgram", model="nova-2-phonecall"))
    async with listening(deepgram_server, agent):
        assert deepgram_server.lines[0].query["model"] == "nova-2-phonecall"


async def test_frames_travel_whole_in_order_three_to_a_message(
    deepgram_server: DeepgramServer,
) -> None:
    async with listening(deepgram_server) as ear:
        frames = [bytes([number]) * 160 for number in range(1, 31)]
        for sent, frame in enumerate(frames, start=1):
            ear.feed(frame)
            if sent % 3 == 0:
                await deepgram_server.lines[0].heard(sent * 160)
        line = deepgram_server.lines[0]
        assert bytes(line.audio) == b"".join(frames)
        assert line.messages_bytes == [480] * 10


async def test_an_utterance_end_closes_a_turn_that_no_pause_closed(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        await line.results("A dog barks behind me", is_final=True)
        await line.utterance_end()
        await line.utterance_end()  # the vendor may repeat it; nothing is left to end
        await line.results("Sorry", is_final=True, speech_final=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        heard = await hear(ear, finals=2)
    assert [p.text for p in heard if p.final] == ["A dog barks behind me", "Sorry"]


async def test_an_utterance_end_over_drafts_alone_has_them_settled(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        await line.results("tomorrow")
        await line.utterance_end()
        await line.told("Finalize")
        await line.results("Tomorrow.", is_final=True, from_finalize=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        assert (await hear(ear))[-1].text == "Tomorrow."


async def test_noise_without_words_ends_no_turn(deepgram_server: DeepgramServer) -> None:
    async def script(line: Line) -> None:
        await line.results("", is_final=True, speech_final=True)
        await line.results("Hello", is_final=True, speech_final=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        assert [piece.text for piece in await hear(ear)] == ["Hello"]


async def test_finish_sends_all_audio_then_finalize_and_gives_the_final_words(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        await line.told("Finalize")
        assert len(line.audio) == 4 * 160
        await line.results("Yes please", is_final=True, from_finalize=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        speak(ear, frames=4)
        ear.finish()
        (heard,) = await hear(ear)
    assert (heard.text, heard.final) == ("Yes please", True)


async def test_finish_gives_an_empty_final_when_nothing_was_understood(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        await line.told("Finalize")
        await line.results("", is_final=True, from_finalize=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        speak(ear)
        ear.finish()
        assert [(h.text, h.final) for h in await hear(ear)] == [("", True)]


async def test_a_vendor_that_says_nothing_at_all_to_a_second_of_sound_has_failed(
    deepgram_server: DeepgramServer,
) -> None:
    async with listening(deepgram_server, final_ms=50) as ear:
        speak(ear, 50)
        ear.finish()
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
    assert (failed.value.kind, failed.value.retryable) == ("timeout", True)


async def test_finish_gives_what_was_drafted_when_the_vendor_leaves_it_without_answer(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        await line.results("are you open")

    deepgram_server.script = script
    async with listening(deepgram_server, final_ms=50) as ear:
        speak(ear)
        assert told([await hear_next(ear)]) == [("are you open", "draft")]
        ear.finish()
        assert told(await hear(ear)) == [("are you open", "final")]


async def test_each_finish_gets_exactly_one_final(deepgram_server: DeepgramServer) -> None:
    async def script(line: Line) -> None:
        await line.told("Finalize")
        await line.results("One", is_final=True, speech_final=True)  # before it saw Finalize
        await line.results("", is_final=True, from_finalize=True)
        await line.told("Finalize", times=2)
        await line.results("Two", is_final=True, from_finalize=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        speak(ear)
        ear.finish()
        first = await hear(ear)
        speak(ear)
        ear.finish()
        second = await hear(ear)
    assert [[h.text for h in heard if h.final] for heard in (first, second)] == [["One"], ["Two"]]


async def test_the_language_is_told_where_the_vendor_detects_it(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        alternative = {"transcript": "Guten Tag", "confidence": 0.8, "languages": ["de"]}
        await line.results(
            "", is_final=True, speech_final=True, channel={"alternatives": [alternative]}
        )

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        assert (await hear(ear))[-1].language == "de"


async def test_a_silent_line_is_kept_alive(deepgram_server: DeepgramServer) -> None:
    deepgram_server.idle_s = 1.0
    async with listening(deepgram_server, keep_alive_ms=50):
        await deepgram_server.lines[0].told("KeepAlive", times=3)


async def test_a_line_that_sends_nothing_for_too_long_is_hung_up_by_the_vendor(
    deepgram_server: DeepgramServer,
) -> None:
    deepgram_server.idle_s = 0.05
    async with listening(deepgram_server) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
    assert (failed.value.kind, failed.value.retryable) == ("unavailable", True)
    assert deepgram_server.violations == ["NET-0001"]
    deepgram_server.violations.clear()


async def test_messages_of_other_and_unknown_types_are_passed_over(
    deepgram_server: DeepgramServer,
) -> None:
    async def script(line: Line) -> None:
        await line.say({"type": "SpeechStarted", "channel": [0], "timestamp": 0.1})
        await line.say({"type": "Metadata", "request_id": "r", "duration": 0, "channels": 1})
        await line.say({"type": "SomethingNew", "transcript": "no"})
        await line.results("Hello", is_final=True, speech_final=True)

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        assert [piece.text for piece in await hear(ear)] == ["Hello"]


async def test_a_stalled_vendor_costs_the_oldest_frames_and_never_blocks(
    deepgram_server: DeepgramServer,
) -> None:
    async with listening(deepgram_server, final_ms=50) as ear:
        deepgram_server.lines[0].stop_reading()

        def overflow() -> bool:
            for _ in range(WAITING_FRAMES):
                ear.feed(b"\x7e" * 4_000)  # longer than a frame, to fill the sockets sooner
            return ear.dropped_frames > 0

        await until(overflow)
        ear.finish()
        with pytest.raises(RecognitionFailed, match="timeout"):
            await hear(ear)
    deepgram_server.lines[0].break_off()


async def test_closing_towards_a_dead_vendor_is_bounded(deepgram_server: DeepgramServer) -> None:
    loop = asyncio.get_running_loop()
    async with listening(deepgram_server):
        deepgram_server.lines[0].stop_reading()
        began_s = loop.time()
    assert loop.time() - began_s < 4
    deepgram_server.lines[0].break_off()
    deepgram_server.violations.clear()


async def test_closing_ends_the_iterator_and_may_be_repeated(
    deepgram_server: DeepgramServer,
) -> None:
    async with listening(deepgram_server) as ear:
        reading = asyncio.create_task(anext(ear.heard(), None))
        await ear.close()
        await ear.close()
        assert await reading is None
    await deepgram_server.lines[0].until(lambda: deepgram_server.lines[0].close_code == 1000)


async def unreadable(line: Line) -> None:
    await line.say_raw("this is no JSON, " + WORDS)


async def misshapen(line: Line) -> None:
    await line.results("", is_final=True, channel={"alternatives": [{"transcript": 7}]})


async def complaint(line: Line) -> None:
    await line.say({"type": "Error", "variant": "SchemaError", "description": WORDS})


async def undecodable(line: Line) -> None:
    await line.close(1008, "DATA-0000 " + WORDS)


async def internal(line: Line) -> None:
    await line.close(1011, "NET-0000 " + WORDS)


async def polite(line: Line) -> None:
    await line.close(1000, "")


async def cut(line: Line) -> None:
    line.break_off()


@pytest.mark.parametrize(
    ("script", "kind", "retryable"),
    [
        (unreadable, "garbled", True),
        (misshapen, "garbled", True),
        (complaint, "refused", False),
        (undecodable, "refused", False),
        (internal, "unavailable", True),
        (polite, "disconnected", True),
        (cut, "disconnected", True),
    ],
)
async def test_a_failure_amid_the_call_says_what_it_is_and_whether_a_fresh_ear_helps(
    deepgram_server: DeepgramServer,
    script: Callable[[Line], AsyncIterator[None]],
    kind: str,
    retryable: bool,
) -> None:
    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
        speak(ear)  # the gateway does not know yet, and goes on
    _expect(failed.value, kind, retryable, deepgram_server.key)


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    deepgram_server: DeepgramServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(line: Line) -> None:
        await line.results(WORDS, is_final=True, speech_final=True, said="five six")

    deepgram_server.script = script
    async with listening(deepgram_server) as ear:
        assert (await hear(ear))[-1].text == WORDS
    assert "five six" not in caplog.text
    assert deepgram_server.key not in caplog.text


def _expect(failed: RecognitionFailed, kind: str, retryable: bool, key: str) -> None:
    assert (failed.provider, failed.kind, failed.retryable) == ("deepgram", kind, retryable)
    assert failed.__suppress_context__
    assert WORDS not in str(failed)
    assert key not in str(failed)
