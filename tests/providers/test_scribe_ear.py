"""ElevenLabs' Scribe through its own SDK, against a server that speaks its protocol."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from ears import hear, hear_next, told
from recorded import AGENT, LOUD, WORDS
from vendors.elevenlabs_scribe import ScribeLine, ScribeServer, refusal, scribe_server
from vendors.serving import Refusal

from contracts.agent import Agent, Provider
from services.audio.frames import SILENT_FRAME
from services.stt.provider import RecognitionFailed
from services.stt.providers.elevenlabs import Scribe
from services.stt.providers.socket_ear import SocketEar

SECOND = 50  # frames


@pytest.fixture
async def vendor() -> AsyncIterator[ScribeServer]:
    async with scribe_server() as server:
        yield server


@asynccontextmanager
async def listening(
    vendor: ScribeServer, agent: Agent = AGENT, **waits_ms: int
) -> AsyncIterator[SocketEar]:
    scribe = Scribe(vendor.key, vendor.url, **waits_ms)
    ear = await scribe.open(agent, "en-US")
    try:
        yield ear
    finally:
        await ear.close()
        await scribe.close()


def speak(ear: SocketEar, frames: int = 20, frame: bytes = LOUD) -> None:
    for _ in range(frames):
        ear.feed(frame)


async def test_the_request_asks_for_the_telephones_sound_and_for_commits_of_ours(
    vendor: ScribeServer,
) -> None:
    options = {"keyterms": ["Ostermann", "veneer"], "no_verbatim": True}
    agent = Agent(name="clinic", stt=Provider(provider="elevenlabs", options=options))
    async with listening(vendor, agent):
        query = vendor.lines[0].query
    assert query.getall("keyterms") == ["Ostermann", "veneer"]
    assert {name: query[name] for name in query if name != "keyterms"} == {
        "model_id": "scribe_v2_realtime",
        "audio_format": "ulaw_8000",
        "commit_strategy": "manual",
        "language_code": "en",
        "include_timestamps": "false",
        "no_verbatim": "true",
    }


async def test_a_turn_is_drafted_and_final_when_it_was_committed(vendor: ScribeServer) -> None:
    async def script(line: ScribeLine) -> None:
        await line.partial("i would")
        await line.partial("i would")  # the vendor repeats itself
        await line.partial("i would like")
        await line.until(lambda: bool(line.committed_bytes))
        await line.committed(" I would like an appointment. ")

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        ear.finish()
        assert told(await hear(ear)) == [
            ("i would", "draft"),
            ("i would like", "draft"),
            ("I would like an appointment.", "final"),
        ]
        assert vendor.lines[0].committed_bytes == [20 * 160]
        assert vendor.lines[0].messages_bytes == [800] * 4


async def test_a_commit_of_too_little_sound_is_filled_up_with_silence(
    vendor: ScribeServer,
) -> None:
    async def script(line: ScribeLine) -> None:
        await line.until(lambda: bool(line.committed_bytes))
        await line.committed("Yes")

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear, frames=4)
        ear.finish()
        assert told(await hear(ear)) == [("Yes", "final")]
    audio = bytes(vendor.lines[0].audio)
    assert (audio[:640], audio[640:]) == (LOUD * 4, SILENT_FRAME * 11)


@pytest.mark.parametrize("kind", ["commit_throttled", "insufficient_audio_activity"])
async def test_a_commit_that_the_vendor_does_not_take_is_a_turn_of_what_was_drafted(
    vendor: ScribeServer, kind: str
) -> None:
    async def script(line: ScribeLine) -> None:
        await line.until(lambda: bool(line.committed_bytes))
        await line.error(kind)
        await line.until(lambda: len(line.committed_bytes) == 2)
        await line.committed("Two")

    vendor.script = script
    async with listening(vendor) as ear:
        for _ in range(2):
            speak(ear)
            ear.finish()
        assert [heard.text for heard in await hear(ear, finals=2)] == ["", "Two"]


async def test_a_long_turn_is_settled_in_parts_and_comes_whole(vendor: ScribeServer) -> None:
    async def script(line: ScribeLine) -> None:
        await line.until(lambda: len(line.committed_bytes) == 1)
        await line.partial("and so on")  # of what follows, before the answer
        await line.committed("It began on Monday")
        await line.until(lambda: len(line.committed_bytes) == 2)
        await line.committed("and then it hurt.")

    vendor.script = script
    async with listening(vendor) as ear:
        line = vendor.lines[0]
        for second in range(1, 82):  # without any pause
            speak(ear, SECOND)
            await line.heard(second * 8_000)
        ear.finish()
        *_, final = await hear(ear)
        assert final.text == "It began on Monday and then it hurt."
        assert line.committed_bytes == [80 * 8_000, 81 * 8_000]


async def test_on_a_quiet_line_the_vendor_is_never_left_to_commit_by_itself(
    vendor: ScribeServer,
) -> None:
    async def script(line: ScribeLine) -> None:
        await line.until(lambda: len(line.committed_bytes) == 1)
        await line.committed("")
        await line.until(lambda: len(line.committed_bytes) == 2)
        await line.committed("Hello?")

    vendor.script = script
    async with listening(vendor) as ear:
        line = vendor.lines[0]
        for second in range(1, 27):
            speak(ear, SECOND, SILENT_FRAME)
            await line.heard(second * 8_000)
        speak(ear)
        ear.finish()
        assert told(await hear(ear)) == [("Hello?", "final")]
        assert line.committed_bytes[0] == 25 * 8_000


async def test_a_commit_left_without_answer_gives_what_was_drafted(vendor: ScribeServer) -> None:
    async def script(line: ScribeLine) -> None:
        await line.partial("are you open")

    vendor.script = script
    async with listening(vendor, final_ms=50) as ear:
        speak(ear)
        assert told([await hear_next(ear)]) == [("are you open", "draft")]
        ear.finish()
        assert told(await hear(ear)) == [("are you open", "final")]


async def test_a_line_without_sound_is_kept_alive_with_silence(vendor: ScribeServer) -> None:
    async with listening(vendor, keep_alive_ms=30):
        await vendor.lines[0].heard(3 * 800)
        assert bytes(vendor.lines[0].audio[:2_400]) == SILENT_FRAME * 15


FAILURES = {
    "auth_error": ("unauthorized", False),
    "quota_exceeded": ("quota", False),
    "rate_limited": ("rate_limited", True),
    "unaccepted_terms": ("refused", False),
    "input_error": ("refused", False),
    "invalid_request": ("refused", False),
    "chunk_size_exceeded": ("refused", False),
    "queue_overflow": ("unavailable", True),
    "resource_exhausted": ("unavailable", True),
    "transcriber_error": ("unavailable", True),
    "error": ("unavailable", True),
    "session_time_limit_exceeded": ("disconnected", True),
}


@pytest.mark.parametrize(("message_type", "failure"), FAILURES.items(), ids=FAILURES)
async def test_each_of_the_vendors_errors_amid_the_call(
    vendor: ScribeServer, message_type: str, failure: tuple[str, bool]
) -> None:
    async def script(line: ScribeLine) -> None:
        await line.partial("hello")
        await line.error(message_type)

    vendor.script = script
    async with listening(vendor) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
    assert (failed.value.kind, failed.value.retryable) == failure
    assert "about your words" not in str(failed.value)


async def misshapen(line: ScribeLine) -> None:
    await line.say({"message_type": "committed_transcript", "text": 7})


async def no_object(line: ScribeLine) -> None:
    await line.say_raw('["' + WORDS + '"]')


async def policy(line: ScribeLine) -> None:
    await line.close(1008, WORDS)


async def internal(line: ScribeLine) -> None:
    await line.close(1011, WORDS)


async def polite(line: ScribeLine) -> None:
    await line.close(1000, "")


async def cut(line: ScribeLine) -> None:
    line.break_off()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (misshapen, "garbled"),
        (no_object, "garbled"),
        (policy, "refused"),
        (internal, "unavailable"),
        (polite, "disconnected"),
        (cut, "disconnected"),
    ],
)
async def test_a_line_that_breaks_says_how_and_nothing_is_printed(
    vendor: ScribeServer,
    capsys: pytest.CaptureFixture[str],
    script: Callable[[ScribeLine], Awaitable[None]],
    kind: str,
) -> None:
    vendor.script = script
    async with listening(vendor) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
        speak(ear)  # the gateway does not know yet, and goes on
    assert failed.value.kind == kind
    assert failed.value.__suppress_context__
    assert capsys.readouterr().out == ""


async def test_an_error_instead_of_a_session_is_a_failed_opening(
    vendor: ScribeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(line: ScribeLine) -> None:
        await line.error("auth_error")

    monkeypatch.setattr(vendor, "greet", refuse)
    with pytest.raises(RecognitionFailed) as failed:
        await Scribe(vendor.key, vendor.url).open(AGENT, "en-US")
    assert failed.value.kind == "unauthorized"
    await vendor.lines[0].left()


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (refusal(401, "quota_exceeded"), "quota"),  # the vendor's own status for it
        (refusal(401, "invalid_api_key"), "unauthorized"),
        (Refusal(401, b"<html>no</html>"), "unauthorized"),
    ],
)
async def test_a_refused_connection_is_what_the_vendors_code_says(
    vendor: ScribeServer, refused: Refusal, kind: str
) -> None:
    vendor.refusal = refused
    with pytest.raises(RecognitionFailed) as failed:
        await Scribe(vendor.key, vendor.url).open(AGENT, "en-US")
    assert failed.value.kind == kind


async def test_messages_of_other_and_unknown_types_are_passed_over(vendor: ScribeServer) -> None:
    async def script(line: ScribeLine) -> None:
        await line.say({"message_type": "warning", "warning": "about your words"})
        await line.say({"message_type": "edited_transcript", "text": "no"})
        await line.say({"message_type": "something_new", "text": "no"})
        await line.until(lambda: bool(line.committed_bytes))
        await line.committed("Yes")

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        ear.finish()
        assert told(await hear(ear)) == [("Yes", "final")]


async def test_closing_hangs_up_at_once(vendor: ScribeServer) -> None:
    async with listening(vendor) as ear:
        speak(ear)
    await vendor.lines[0].left()
    assert vendor.lines[0].close_code == 1000


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    vendor: ScribeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(line: ScribeLine) -> None:
        await line.until(lambda: bool(line.committed_bytes))
        await line.committed(WORDS)

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        ear.finish()
        assert told(await hear(ear)) == [(WORDS, "final")]
    assert WORDS not in caplog.text
    assert vendor.key not in caplog.text
