"""One caller: a script that yields 20 ms at a time, spoken into a telephone.

The script is a generator that the crowd's clock drives: each step is one frame of time, so a caller
costs no task and no timer of its own.
"""

import asyncio
import random
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from loadtest.load.heard import Heard, Timed
from loadtest.load.scenario import Manner
from loadtest.load.telephone import Telephone
from services.audio.frames import SILENT_FRAME

_REPLY_S: Final = 10.0  # without a reply by then the turn is lost
_QUIET_S: Final = 0.4  # after the agent's last sound, before the caller thinks it is done
_WHOLE: Final = 0.95  # of an answer's length, and nothing of it is missing
_TWICE: Final = 1.5  # of its length, and it was said twice
_BREAK_AFTER_S: Final = 0.5  # of a reply, before a line that is to be lost is
_SILENCE: Final = b64encode(SILENT_FRAME)
_DIGIT: Final = "1"

Script: TypeAlias = Iterator[bytes]


class Caller:
    """Talks in its manner until `until_s`, and hangs up."""

    def __init__(
        self,
        telephone: Telephone,
        manner: Manner,
        speech: Sequence[bytes],
        heard: Heard,
        chance: random.Random,
        reply_ms: float,
    ) -> None:
        """`speech`: a turn's frames as base64; `reply_ms`: how long a whole answer is."""
        self.heard: Final = heard
        self.ended: Final = asyncio.Event()
        self._telephone, self._playout = telephone, telephone.playout
        self._manner, self._speech, self._chance = manner, speech, chance
        self._reply_ms = reply_ms
        self._now_s = self._begun_s = self._until_s = 0.0
        self._script: Script = iter(())
        self._owed = 0.0  # frames

    async def ring(self, until_s: float) -> None:
        """Connect. Raises Refused and what is in BROKEN."""
        await self._telephone.ring()
        self._until_s = until_s
        self._now_s = self._begun_s = time.monotonic()
        self._script = self._talk() if self._manner.starts else self._say_nothing()

    def tick(self, now_s: float) -> bool:
        """20 ms go by. False: the call is over."""
        self._now_s = now_s
        if self._telephone.over:
            return self._end()
        if self._manner.reads:
            self._telephone.play(now_s)
        self._owed += self._manner.pace
        while self._owed >= 1:
            self._owed -= 1
            frame = next(self._script, None)
            if frame is None:
                return self._end()
            self._telephone.say(frame)
        return True

    async def close(self) -> None:
        """Let go of everything."""
        self._end()
        await self._telephone.close()

    def _end(self) -> bool:
        if not self.ended.is_set():
            self.ended.set()
            self._account()
            self._telephone.hang_up()
        return False

    def _account(self) -> None:
        heard, playout = self.heard, self._playout
        heard.closed += self._telephone.closed_by_peer
        heard.call_s += self._now_s - self._begun_s
        heard.frames += playout.frames
        heard.late_frames += playout.late_frames
        heard.gaps_ms += playout.gaps_ms
        heard.marks_twice += playout.twice
        heard.phrase_s += playout.phrase_ms / 1000

    def _talk(self) -> Script:
        """A whole call."""
        yield from self._until_heard()
        yield from self._hear_out()
        number = 0
        while self._now_s < self._until_s:
            yield from self._silence(self._pause_ms())
            number += 1
            if not self._manner.reads:
                self._telephone.stop_reading()
            yield from self._turn(number)

    def _turn(self, number: int) -> Script:
        self.heard.turns += 1
        if _is_every(number, self._manner.key_every):
            yield from self._by_key()
        else:
            yield from self._by_voice()
        if self._playout.heard_at is None:
            self.heard.lost += 1
        elif _is_every(number, self._manner.lose_line_every):
            yield from self._lose_line()
        elif self._chance.random() < self._manner.barge_in:
            yield from self._barge_in()
        else:
            yield from self._hear_answer()

    def _by_voice(self) -> Script:
        yield from self._speech[:-1]
        yield from self._answered(self._speech[-1], self.heard.waits)

    def _by_key(self) -> Script:
        self._telephone.press(_DIGIT)
        yield from self._answered(_SILENCE, self.heard.keys)

    def _answered(self, last: bytes, waits: list[Timed]) -> Script:
        """From the turn's last frame until the reply begins, which may be at once."""
        asked_s = self._now_s
        self._playout.listen()
        yield last
        yield from self._until_heard()
        if (heard_s := self._playout.heard_at) is not None:
            waits.append(Timed(heard_s, (heard_s - asked_s) * 1000))

    def _barge_in(self) -> Script:
        """Speak over the reply; what the caller says so is a turn of its own."""
        yield from self._silence(self._manner.barge_in_after_ms)
        if not self._playout.playing(self._now_s):
            return  # it was too short to be interrupted
        begun_s = self._now_s
        yield from self._speech[:-1]
        cleared_s = self._playout.cleared_at
        if cleared_s is None or cleared_s < begun_s:
            self.heard.unheeded += 1
        else:
            self.heard.barge_ins.append(Timed(cleared_s, (cleared_s - begun_s) * 1000))
        self.heard.turns += 1
        yield from self._answered(self._speech[-1], self.heard.waits)
        if self._playout.heard_at is None:
            self.heard.lost += 1
        else:
            yield from self._hear_answer()

    def _lose_line(self) -> Script:
        yield from self._silence(int(_BREAK_AFTER_S * 1000))
        lost_s = self._now_s
        self._telephone.lose_line(lost_s)
        self._playout.listen()
        yield from self._until_heard()
        if (heard_s := self._playout.heard_at) is not None:
            self.heard.backs.append(Timed(heard_s, (heard_s - lost_s) * 1000))
        else:
            self.heard.lost += 1
        yield from self._hear_out()

    def _until_heard(self) -> Script:
        until_s = self._now_s + _REPLY_S
        while self._playout.heard_at is None and self._now_s < until_s:
            yield _SILENCE

    def _hear_answer(self) -> Script:
        """To the end of an answer, and whatever follows without a pause."""
        yield from self._hear_out(self._reply_ms * _WHOLE)
        self.heard.cut_short += self._playout.reply_ms < self._reply_ms * _WHOLE
        self.heard.doubled += self._playout.reply_ms > self._reply_ms * _TWICE

    def _hear_out(self, length_ms: float = 0.0) -> Script:
        """Until the agent is silent and has said so much at least."""
        until_s, playout = self._now_s + 2 * _REPLY_S, self._playout
        while self._now_s < until_s:
            if playout.quiet_s(self._now_s) >= _QUIET_S and playout.reply_ms >= length_ms:
                return
            yield _SILENCE

    def _silence(self, length_ms: int) -> Script:
        for _ in range(length_ms // 20):
            yield _SILENCE

    def _say_nothing(self) -> Script:
        while self._now_s < self._until_s:
            yield b""

    def _pause_ms(self) -> int:
        """A little more or less, so that callers do not all speak at once."""
        return round(self._manner.pause_ms * self._chance.uniform(0.7, 1.3))


def _is_every(number: int, every: int) -> bool:
    return every > 0 and number % every == 0
