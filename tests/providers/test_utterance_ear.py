"""Whole turns, kept and sent when they are over; whoever recognises them."""

import asyncio

import pytest
from recorded import LOUD, words

from contracts.agent import Turns
from services.audio.frames import SILENT_FRAME
from services.audio.wav import from_wav
from services.stt.provider import Heard, RecognitionFailed
from services.stt.providers.utterance import TURN_FRAMES, UtteranceEar, wav_of

SOFT = b"\xfa\x7a" * 80  # 20 ms, below what counts as speech


class Recogniser:
    """Writes down what it gets; answers when the test says so, or at once."""

    def __init__(self) -> None:
        self.sounds: list[bytes] = []
        self.answers: list[asyncio.Future[Heard]] = []
        self._grown = asyncio.Condition()

    async def __call__(self, sound: bytes) -> Heard:
        self.sounds.append(sound)
        answer: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        async with self._grown:
            self._grown.notify_all()
        return await answer

    async def asked(self, turns: int) -> None:
        async with asyncio.timeout(5), self._grown:
            await self._grown.wait_for(lambda: len(self.sounds) >= turns)


def heard(text: str) -> Heard:
    return Heard(text=text, final=True)


def feed(ear: UtteranceEar, *frames: bytes) -> None:
    for frame in frames:
        ear.feed(frame)


async def test_a_turn_is_sent_whole_when_it_is_over() -> None:
    recogniser = Recogniser()
    ear = UtteranceEar(recogniser, Turns())
    frames = [SILENT_FRAME, *[LOUD] * 12, SOFT]
    feed(ear, *frames)
    assert recogniser.sounds == []
    ear.finish()
    await recogniser.asked(1)
    assert recogniser.sounds == [b"".join(frames)]
    recogniser.answers[0].set_result(heard("yes"))
    assert await words(ear) == [heard("yes")]
    await ear.close()


@pytest.mark.parametrize(
    "frames",
    [[], [SILENT_FRAME] * 50, [SOFT] * 50, [*[SILENT_FRAME] * 9, LOUD, *[SILENT_FRAME] * 9]],
    ids=["nothing", "silence", "breath", "a click"],
)
async def test_what_holds_no_speech_is_never_sent_and_was_nothing_said(frames: list[bytes]) -> None:
    recogniser = Recogniser()
    ear = UtteranceEar(recogniser, Turns())
    feed(ear, *frames)
    ear.finish()
    assert await words(ear) == [heard("")]
    assert recogniser.sounds == []
    await ear.close()


async def test_speech_of_one_turn_does_not_make_speech_of_the_next() -> None:
    recogniser = Recogniser()
    ear = UtteranceEar(recogniser, Turns())
    feed(ear, *[LOUD] * 12)
    ear.finish()
    feed(ear, *[SILENT_FRAME] * 12)
    ear.finish()
    await recogniser.asked(1)
    recogniser.answers[0].set_result(heard("yes"))
    assert await words(ear, turns=2) == [heard("yes"), heard("")]
    await ear.close()


async def test_words_come_in_the_order_of_the_turns_whichever_is_recognised_first() -> None:
    recogniser = Recogniser()
    ear = UtteranceEar(recogniser, Turns())
    for _ in range(2):
        feed(ear, *[LOUD] * 12)
        ear.finish()
    await recogniser.asked(2)
    recogniser.answers[1].set_result(heard("second"))
    recogniser.answers[0].set_result(heard("first"))
    assert await words(ear, turns=2) == [heard("first"), heard("second")]
    await ear.close()


async def test_a_turn_without_end_keeps_its_newest_minute() -> None:
    recogniser = Recogniser()
    ear = UtteranceEar(recogniser, Turns())
    feed(ear, *[SOFT] * 100, *[LOUD] * TURN_FRAMES)
    assert ear.dropped_frames == 100
    ear.finish()
    await recogniser.asked(1)
    assert recogniser.sounds == [LOUD * TURN_FRAMES]
    await ear.close()


async def test_closing_takes_back_what_was_asked_and_ends_what_is_heard() -> None:
    recogniser = Recogniser()
    ear = UtteranceEar(recogniser, Turns())
    feed(ear, *[LOUD] * 12)
    ear.finish()
    await recogniser.asked(1)
    await ear.close()
    await ear.close()
    assert recogniser.answers[0].cancelled()
    feed(ear, LOUD)
    ear.finish()
    assert [piece async for piece in ear.heard()] == []


async def test_a_failure_is_raised_where_the_words_were_due() -> None:
    recogniser = Recogniser()
    ear = UtteranceEar(recogniser, Turns())
    for _ in range(2):
        feed(ear, *[LOUD] * 12)
        ear.finish()
    await recogniser.asked(2)
    recogniser.answers[1].set_exception(RecognitionFailed("r", "timeout", retryable=True))
    recogniser.answers[0].set_result(heard("first"))
    spoken = ear.heard()
    assert await anext(spoken) == heard("first")
    with pytest.raises(RecognitionFailed):
        await anext(spoken)
    await ear.close()


def test_the_file_that_is_sent_is_the_turn_at_16_khz() -> None:
    turn = LOUD * 50
    wav = wav_of(turn)
    assert len(wav) == 44 + 4 * len(turn)  # twice the samples, two bytes each
    assert len(from_wav(wav)) == len(turn)
