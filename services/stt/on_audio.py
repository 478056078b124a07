"""The host of one call: the caller's frames and the line's events in, the transcript out."""

import asyncio
import logging
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, NamedTuple

from contracts.agent import Agent
from contracts.claim import Claim
from contracts.dialog import CallEnded
from contracts.ids import HostId
from contracts.line import LineEnded, LineLost, SpeechEnded, SpeechStarted
from contracts.streams import audio_subject
from contracts.transcript import RecogniserSwitched
from infra.cancelling import end_tasks
from infra.handover import Listening
from infra.journal import NatsJournal
from infra.live import Following, follow
from infra.nats import Bus
from services.audio.frames import unpack_caller
from services.stt import replay
from services.stt.drafting import Drafts
from services.stt.ears import Ears
from services.stt.feeding import Feeding
from services.stt.hearing import Hearing, Switched
from services.stt.owned import OwnedTranscript, now_ms, own
from services.stt.provider import Heard
from services.stt.turn import (
    PATIENCE_MS,
    Conclude,
    Deafened,
    EarChanged,
    Elapsed,
    FinalWords,
    Finish,
    Happening,
    Listen,
    Presume,
    Rest,
    TakeBack,
    TurnTaking,
    Wake,
    step,
)
from services.stt.verdict import verdict

_log: Final = logging.getLogger("partyline.stt")
_LAST_WORDS_S: Final = 2.0  # after hang-up, for words that are still awaited


class _Done(NamedTuple):
    """Nothing more is to be written here. `over`: nor by any other host."""

    over: bool


async def host_call(
    bus: Bus,
    journal: NatsJournal,
    claim: Claim,
    agent: Agent,
    host: HostId,
    ears: Ears,
    *,
    leave: asyncio.Event,
) -> bool:
    """Transcribe a call until its line ends, or the actor let it go: True.

    Or until nothing is being said and all is written down, after `leave` was set: False.
    Raises: WrongVersion when another host owns the call; JournalUnavailable when the log can't be
    read at the start.
    """
    transcript = await own(journal, claim, host)
    call = HostedCall(bus, journal, claim, agent, host, ears, transcript)
    tenant, id = claim.tenant, claim.call
    async with AsyncExitStack() as stack:
        frames = await bus.sub(audio_subject(tenant, id, "caller"), call.on_sound)
        stack.push_async_callback(_unsubscribe, bus, frames)
        line = await follow(bus, journal, tenant, id, families=("line", "dialog"))
        stack.push_async_callback(line.close)
        return await call.run(line, leave)


async def _unsubscribe(bus: Bus, listening: Listening) -> None:
    if not bus.nc.is_closed:
        await listening.unsubscribe()


class _Concluded(NamedTuple):
    """A turn to be written down, and who heard it."""

    turn: Conclude
    provider: str


class HostedCall:
    """One call's frames, turns, ear and transcript. Everything but `run` is synchronous.

    Frames arrive in a callback and go to the ear at once. What is to be stored goes through a
    queue, so an append never holds up a frame.
    """

    def __init__(
        self,
        bus: Bus,
        journal: NatsJournal,
        claim: Claim,
        agent: Agent,
        host: HostId,
        ears: Ears,
        transcript: OwnedTranscript,
    ) -> None:
        self._claim, self._agent, self._transcript = claim, agent, transcript
        self._hearing = Hearing(ears, self)
        self._drafts = Drafts(bus, journal.codec, claim, host, transcript.epoch)
        self._turns = TurnTaking(
            turns=agent.turns,
            end_of_turn=self._hearing.capabilities.end_of_turn,
            presumes=self._presumes,
            settled=transcript.settled,
        )
        self._concluded: asyncio.Queue[_Concluded | RecogniserSwitched | _Done] = asyncio.Queue()
        self._settled = asyncio.Event()  # no turn is open, no words are awaited
        self._settled.set()
        self._timer: asyncio.TimerHandle | None = None
        self._feeding = Feeding(
            self._hearing,
            agent.turns,
            continuous=self._hearing.capabilities.continuous,
            fetch=partial(replay.fetch, bus, claim.tenant, claim.call),
            clock_ms=now_ms,
        )
        self._finish_due = False  # once the turn's frames are all here
        self._gap_found = asyncio.Event()  # in the turn's frames
        self._gap_closed = asyncio.Event()
        self._gap_closed.set()
        self.frames_refused = 0

    async def run(self, line: Following, leave: asyncio.Event) -> bool:
        """Until the line has ended and the last words are stored; False: it was left before.

        Raises: WrongVersion.
        """
        hearing = asyncio.create_task(self._hearing.run())
        writing = asyncio.create_task(self._write())
        reading = asyncio.create_task(self._read(line))
        completing = asyncio.create_task(self._complete())
        leaving = asyncio.create_task(self._leave(leave))
        tasks = (hearing, writing, reading, completing, leaving)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for failed in (task for task in tasks if task.done()):
                await failed
            return await writing
        finally:
            if self._timer:
                self._timer.cancel()
            await end_tasks(tasks)
            await asyncio.gather(*tasks, return_exceptions=True)  # one may have failed besides

    async def _leave(self, leave: asyncio.Event) -> None:
        """What is said from then on is for the next host: it finds it in the AUDIO stream."""
        await leave.wait()
        await self._settled.wait()
        self._concluded.put_nowait(_Done(over=False))

    @property
    def _presumes(self) -> bool:
        """A shorter silence is told with drafts that the recogniser does not rate itself."""
        able = self._hearing.capabilities
        return bool(self._agent.turns.eager_ms) and able.interim and not able.eager

    @property
    def _believes_likely_ends(self) -> bool:
        """Who ends turns is told by an option of its own to be eager; else the agent decides."""
        return self._hearing.capabilities.end_of_turn or bool(self._agent.turns.eager_ms)

    def on_sound(self, payload: bytes) -> None:
        """Caller frames came in."""
        try:
            sound = unpack_caller(payload)
        except ValueError:
            self.frames_refused += 1
        else:
            self._feeding.on_sound(sound)

    def on_heard(self, heard: Heard) -> None:
        """The ear understood something: a draft for those who watch, or a turn's words."""
        if heard.final:
            self._happen(FinalWords(heard=heard, now_ms=now_ms()))
        else:
            eager = self._turns.presumed or (heard.eager and self._believes_likely_ends)
            self._drafts.tell(heard.text, self._turns.utterance, eager=eager)

    def on_deaf(self, *, again: bool) -> None:
        """The ear failed: what it was asked is lost, but for the newest turn if tried again."""
        self._happen(Deafened(keep_newest=again))

    def on_switch(self, switched: Switched) -> None:
        """Another recogniser, which may want other frames and end turns in another way."""
        self._feeding.change_ear(continuous=switched.capabilities.continuous)
        end_of_turn = switched.capabilities.end_of_turn
        self._happen(EarChanged(end_of_turn=end_of_turn, presumes=self._presumes))
        event = RecogniserSwitched(
            at_ms=now_ms(),
            utterance=self._turns.utterance,
            from_provider=switched.from_name,
            to_provider=switched.to_name,
            kind=switched.kind,
            stage=switched.stage,
            wait_ms=switched.wait_ms,
        )
        self._concluded.put_nowait(event)

    def on_open(self) -> None:
        """A new ear: give it all there is of the present turn, or of the one just over."""
        self._feeding.begin_again(turn=not self._turns.over)
        if self._turns.awaited and not self._finish_due:
            self._hearing.finish()

    async def _read(self, line: Following) -> None:
        await self._hearing.tried.wait()  # what is in the log already is not to outrun the ear
        async for recorded in line:
            for event in recorded.message.events:
                await self._gap_closed.wait()  # what comes next belongs behind it
                match event:
                    case SpeechStarted() | SpeechEnded() | LineLost() | LineEnded():
                        self._happen(event)
                if self._feeding.incomplete:
                    self._close_gap()
                if isinstance(event, LineEnded | CallEnded):
                    await self._last_words()
                    return

    def _close_gap(self) -> None:
        if self._gap_closed.is_set():
            self._gap_closed.clear()
            self._gap_found.set()

    async def _complete(self) -> None:
        """Get what is missing of a turn, whenever something is.

        Should the turn be over meanwhile, its words are asked for when its frames are here.
        """
        while True:
            await self._gap_found.wait()
            self._gap_found.clear()
            await self._feeding.complete()
            if self._finish_due:
                self._finish_due = False
                self._finish()
            self._gap_closed.set()

    def _happen(self, happening: Happening) -> None:
        self._turns, steps = step(self._turns, happening)
        for done in steps:
            match done:
                case Listen(first_frame=first_frame, new_turn=new_turn):
                    if new_turn:
                        self._drafts.begin()
                    self._feeding.listen(first_frame, new_turn=new_turn)
                case Rest(last_frame=last_frame):
                    self._feeding.rest(last_frame)
                case Wake(at_ms=at_ms):
                    self._wake(at_ms)
                case Finish():
                    self._finish()
                case Presume() | TakeBack():
                    eager = isinstance(done, Presume)
                    self._drafts.tell_again(self._turns.utterance, eager=eager)
                case Conclude():
                    self._concluded.put_nowait(_Concluded(done, self._hearing.name))
        if self._turns.over:
            self._feeding.let_go()
            self._settled.set()
        else:
            self._settled.clear()

    def _wake(self, at_ms: int) -> None:
        """Anchored to the time of the last loud frame, not to when the news of it came."""
        if self._timer:
            self._timer.cancel()
        turns = self._agent.turns
        longest_ms = turns.stop_ms + turns.silence_ms + PATIENCE_MS  # for a clock set back
        wait_s = min(max(0, at_ms - now_ms()), longest_ms) / 1000
        elapsed = Elapsed(now_ms=at_ms)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._happen, elapsed)

    def _finish(self) -> None:
        if self._feeding.incomplete:
            self._finish_due = True
            self._close_gap()
            return
        self._feeding.end_turn()
        if self._hearing.open:
            self._hearing.finish()
        elif self._hearing.down:
            self._happen(Deafened(keep_newest=False))
        # else an ear is being opened: it gets the turn and is asked in on_open

    async def _write(self) -> bool:
        while not isinstance(next := await self._concluded.get(), _Done):
            if isinstance(next, RecogniserSwitched):
                await self._transcript.append_switch(next)
            else:
                await self._write_turn(next)
        return next.over

    async def _write_turn(self, concluded: _Concluded) -> None:
        turn, provider = concluded
        event = verdict(
            turn,
            provider=provider,
            confidence=self._agent.limits.confidence,
            at_ms=now_ms(),
        )
        await self._transcript.append(event, nth=turn.nth)

    async def _last_words(self) -> None:
        """Nothing follows on the line; what was said last is still written down."""
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._settled.wait()
        except TimeoutError:
            _log.info("call %s: its last words did not come in time", self._claim.call)
        self._happen(Deafened(keep_newest=False))
        self._concluded.put_nowait(_Done(over=True))
