"""One caller: a script that yields 20 ms at a time, and the telephone it is spoken into.

The script is a generator that the crowd's clock drives: each step is one frame of time, so a caller
costs no task and no timer of its own.
"""

import asyncio
import random
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import aiohttp
from picows import WSError

from loadtest.chaos.media import ACCOUNT
from loadtest.chaos.telephone import Order, read_twiml
from loadtest.load.heard import Heard, Timed
from loadtest.load.line import Line, connect
from loadtest.load.playout import Playout
from loadtest.load.scenario import Manner
from services.audio.frames import SILENT_FRAME

_REPLY_S: Final = 10.0  # without a reply by then the turn is lost
_QUIET_S: Final = 0.4  # after the agent's last sound, before the caller thinks it is done
_WHOLE: Final = 0.95  # of an answer's length, and nothing of it is missing
_TWICE: Final = 1.5  # of its length, and it was said twice
_BREAK_AFTER_S: Final = 0.5  # of a reply, before a line that is to be lost is
_SILENCE: Final = b64encode(SILENT_FRAME)
_DIGIT: Final = "1"
BROKEN: Final = (OSError, aiohttp.ClientError, WSError, TimeoutError)

Script: TypeAlias = Iterator[bytes]


class Refused(Exception):
    """The call was turned away."""


class Caller:
    """Rings, talks in its manner until `until_s`, and hangs up."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        ring_url: str,
        manner: Manner,
        speech: Sequence[bytes],
        heard: Heard,
        chance: random.Random,
        reply_ms: float,
    ) -> None:
        """`speech`: a turn's frames as base64; `ring_url`: the webhook; `reply_ms`: how long a
        whole answer is."""
        self.heard = heard
        self.manner = manner
        self.ended = asyncio.Event()
        self.now_s = self._before_s = time.monotonic()
        self._http, self._ring_url, self._speech = http, ring_url, speech
        self._chance, self._reply_ms = chance, reply_ms
        self._sid = f"CA{secrets.token_hex(16)}"
        self._playout = Playout()
        self._line: Line | None = None
        self._after_url = ""
        self._coming_back: asyncio.Task[None] | None = None
        self._until_s = 0.0
        self._script: Script = iter(())
        self._kept: list[bytes] = []  # said and not sent yet
        self._owed = 0.0  # frames

    async def ring(self, until_s: float) -> None:
        """Connect. Raises Refused and what is in BROKEN."""
        self._until_s = until_s
        if not self.manner.starts:
            address = re.sub("^http", "ws", self._ring_url).partition("?")[0]
            address = address.replace("/voice", "/media")
            self._line = await connect(address, self._sid, {}, self._playout, starts=False)
        else:
            await self._connect(await self._ask(self._ring_url))
        self._begun_s = time.monotonic()
        self._script = self._talk() if self.manner.starts else self._say_nothing()

    def tick(self, now_s: float) -> bool:
        """20 ms go by. False: the call is over."""
        self._before_s, self.now_s = self.now_s, now_s
        line = self._line
        if line is None or (line.over and self._coming_back is None):
            return self._end()
        if self.manner.reads:
            line.play(now_s)
        self._owed += self.manner.pace
        while self._owed >= 1:
            self._owed -= 1
            frame = next(self._script, None)
            if frame is None:
                return self._end()
            self._say(frame)
        return True

    async def close(self) -> None:
        """Let go of everything."""
        self._end()
        if self._coming_back:
            self._coming_back.cancel()
            await asyncio.gather(self._coming_back, return_exceptions=True)

    def _say(self, frame: bytes) -> None:
        if not frame or self._line is None:
            return
        if not self.manner.bunch_ms:
            return self._line.say(frame)
        self._kept.append(frame)
        if len(self._kept) * 20 >= self.manner.bunch_ms:
            kept, self._kept = self._kept, []
            for each in kept:
                self._line.say(each)

    def _end(self) -> bool:
        if self.ended.is_set():
            return False
        self.ended.set()
        if self._line:
            self.heard.closed += self._line.closed_by_peer
            self.heard.call_s += self.now_s - self._begun_s
            if self.manner.starts:
                self._line.hang_up(self._sid)
            else:
                self._line.leave()
        self._account()
        return False

    def _account(self) -> None:
        heard, playout = self.heard, self._playout
        heard.frames += playout.frames
        heard.late_frames += playout.late_frames
        heard.gaps_ms += playout.gaps_ms
        heard.marks_twice += playout.twice

    def _talk(self) -> Script:
        """A whole call."""
        yield from self._until_heard()
        yield from self._hear_out()
        number = 0
        while self.now_s < self._until_s:
            yield from self._silence(self._pause_ms())
            number += 1
            if not self.manner.reads and self._line:
                self._line.stop_reading()
            yield from self._turn(number)

    def _turn(self, number: int) -> Script:
        self.heard.turns += 1
        if _is_every(number, self.manner.key_every):
            yield from self._by_key()
        else:
            yield from self._by_voice()
        if self._playout.heard_at is None:
            self.heard.lost += 1
        elif _is_every(number, self.manner.lose_line_every):
            yield from self._lose_line()
        elif self._chance.random() < self.manner.barge_in:
            yield from self._barge_in()
        else:
            yield from self._hear_answer()

    def _by_voice(self) -> Script:
        yield from self._speech
        yield from self._answered(self.heard.waits)

    def _by_key(self) -> Script:
        if self._line:
            self._line.press(_DIGIT)
        yield _SILENCE
        yield from self._answered(self.heard.keys)

    def _answered(self, waits: list[Timed]) -> Script:
        """From the last frame, which was sent a tick ago, until the reply begins."""
        asked_s = self._before_s
        self._playout.listen()
        yield from self._until_heard()
        if (heard_s := self._playout.heard_at) is not None:
            waits.append(Timed(heard_s, (heard_s - asked_s) * 1000))

    def _barge_in(self) -> Script:
        """Speak over the reply; what the caller says so is a turn of its own."""
        yield from self._silence(self.manner.barge_in_after_ms)
        if not self._playout.playing(self.now_s):
            return  # it was too short to be interrupted
        begun_s = self.now_s
        yield from self._speech
        cleared_s = self._playout.cleared_at
        if cleared_s is None or cleared_s < begun_s:
            self.heard.unheeded += 1
        else:
            self.heard.barge_ins.append(Timed(cleared_s, (cleared_s - begun_s) * 1000))
        self.heard.turns += 1
        yield from self._answered(self.heard.waits)
        if self._playout.heard_at is None:
            self.heard.lost += 1
        else:
            yield from self._hear_answer()

    def _lose_line(self) -> Script:
        yield from self._silence(int(_BREAK_AFTER_S * 1000))
        if self._line:
            self._line.break_off()
        lost_s = self.now_s
        self._playout.forget(lost_s)
        self._playout.listen()
        self._coming_back = asyncio.create_task(self._come_back())
        yield from self._until_heard()
        if (heard_s := self._playout.heard_at) is not None:
            self.heard.backs.append(Timed(heard_s, (heard_s - lost_s) * 1000))
        else:
            self.heard.lost += 1
        yield from self._hear_out()

    async def _come_back(self) -> None:
        try:
            await self._connect(await self._ask(self._after_url))
        except Refused:
            self.heard.refused += 1
        except BROKEN as broken:
            self.heard.fault(type(broken).__name__)
        finally:
            self._coming_back = None

    def _until_heard(self) -> Script:
        until_s = self.now_s + _REPLY_S
        while self._playout.heard_at is None and self.now_s < until_s:
            yield _SILENCE

    def _hear_answer(self) -> Script:
        """To the end of an answer, and whatever follows without a pause."""
        yield from self._hear_out(self._reply_ms * _WHOLE)
        self.heard.cut_short += self._playout.reply_ms < self._reply_ms * _WHOLE
        self.heard.doubled += self._playout.reply_ms > self._reply_ms * _TWICE

    def _hear_out(self, length_ms: float = 0.0) -> Script:
        """Until the agent is silent and has said so much at least."""
        until_s, playout = self.now_s + 2 * _REPLY_S, self._playout
        while self.now_s < until_s:
            if playout.quiet_s(self.now_s) >= _QUIET_S and playout.reply_ms >= length_ms:
                return
            yield _SILENCE

    def _silence(self, length_ms: int) -> Script:
        for _ in range(length_ms // 20):
            yield _SILENCE

    def _say_nothing(self) -> Script:
        while self.now_s < self._until_s:
            yield b""

    def _pause_ms(self) -> int:
        """A little more or less, so that callers do not all speak at once."""
        return round(self.manner.pause_ms * self._chance.uniform(0.7, 1.3))

    async def _ask(self, url: str) -> Order:
        form = {"CallSid": self._sid, "AccountSid": ACCOUNT, "From": "+15550123"}
        form |= {"To": "+15550100", "Direction": "inbound", "CallStatus": "in-progress"}
        async with self._http.post(url, data=form) as answer:
            if answer.status != 200:
                raise Refused(f"status {answer.status}")
            return read_twiml(await answer.text())

    async def _connect(self, order: Order) -> None:
        if not order.media_url:
            raise Refused("the call was not connected")
        self._after_url = order.action_url
        address = re.sub("^http", "ws", order.media_url)
        self._line = await connect(address, self._sid, order.parameters, self._playout)


def _is_every(number: int, every: int) -> bool:
    return every > 0 and number % every == 0
