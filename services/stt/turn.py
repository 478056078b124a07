"""When the caller's turn is over. Pure: no clock and no task; time arrives with what happens.

A turn is one utterance, or several with short pauses between them. It is over when the recogniser
says so, or when nothing was said for long enough. After that its words are awaited, while the next
turn may already have begun.
"""

from typing import Final, TypeAlias, assert_never

import msgspec

from contracts.agent import Turns
from contracts.line import LineEnded, LineLost, SpeechEnded, SpeechStarted
from services.stt.provider import Heard

PATIENCE_MS: Final = 1_500  # further silence before a recogniser that ends turns itself is asked


class Elapsed(msgspec.Struct, frozen=True, kw_only=True):
    """Time has passed."""

    now_ms: int  # UNIX time in milliseconds


class FinalWords(msgspec.Struct, frozen=True, kw_only=True):
    """The recogniser gave the final words of a turn."""

    heard: Heard
    now_ms: int


class Deafened(msgspec.Struct, frozen=True, kw_only=True):
    """The recogniser failed, and what it was given is lost to it."""

    keep_newest: bool  # a new one will be given the newest turn again


class EarChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Another recogniser listens from here on."""

    end_of_turn: bool  # it says itself when a turn is over
    presumes: bool = False  # as in TurnTaking


Happening: TypeAlias = (
    SpeechStarted
    | SpeechEnded
    | LineLost
    | LineEnded
    | Elapsed
    | FinalWords
    | Deafened
    | EarChanged
)


class Listen(msgspec.Struct, frozen=True):
    """Give the recogniser the frames from this one on."""

    first_frame: int
    new_turn: bool  # False: the turn goes on after a pause


class Rest(msgspec.Struct, frozen=True):
    """Speech has ended: frames after this one, the last loud one, need not be given."""

    last_frame: int


class Wake(msgspec.Struct, frozen=True):
    """Let `Elapsed` happen at this time."""

    at_ms: int  # UNIX time in milliseconds


class Finish(msgspec.Struct, frozen=True):
    """The turn is over: ask the recogniser for its words."""


class Presume(msgspec.Struct, frozen=True):
    """The turn is probably over: let an answer to what was understood so far be prepared."""


class TakeBack(msgspec.Struct, frozen=True):
    """The turn that was presumed to be over goes on."""


class Conclude(msgspec.Struct, frozen=True, kw_only=True):
    """A turn's words are known; `heard` is None when the recogniser failed on them."""

    utterance: int  # the last of the turn
    nth: int  # of the finals of this utterance, starts at 1
    ended_ms: int  # UNIX time in milliseconds
    heard: Heard | None


Step: TypeAlias = Listen | Rest | Wake | Finish | Presume | TakeBack | Conclude


class Quiet(msgspec.Struct, frozen=True):
    """Nobody speaks, and no turn is open."""


class Speaking(msgspec.Struct, frozen=True):
    """The caller speaks."""


class Pausing(msgspec.Struct, frozen=True, kw_only=True):
    """The caller fell silent; the turn is over unless speech comes first."""

    ended_ms: int  # UNIX time in milliseconds
    over_ms: int
    presumed: bool = False  # over, by a shorter silence


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that is over and whose words are still to come."""

    utterance: int
    ended_ms: int


class TurnTaking(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call stands.

    `settled`, given at the start, is the last utterance whose words a former host recorded.
    """

    turns: Turns
    end_of_turn: bool  # the recogniser says itself when a turn is over
    presumes: bool = False  # a silence of `turns.eager_ms` is told: the recogniser gives drafts
    settled: int = 0
    utterance: int = 0  # the newest
    finals: int = 0  # of that utterance
    situation: Quiet | Speaking | Pausing = Quiet()
    awaited: tuple[Awaited, ...] = ()  # oldest first

    @property
    def over(self) -> bool:
        """Nothing is being said, and nothing is awaited."""
        return isinstance(self.situation, Quiet) and not self.awaited

    @property
    def presumed(self) -> bool:
        """By its silence the present turn is over, though its words may still change."""
        if isinstance(self.situation, Pausing):
            return self.situation.presumed
        return self.presumes and isinstance(self.situation, Quiet) and bool(self.awaited)


Stepped: TypeAlias = tuple[TurnTaking, tuple[Step, ...]]


def step(state: TurnTaking, happening: Happening) -> Stepped:
    """What `happening` changes, and what is to be done for it, in order."""
    match happening:
        case SpeechStarted():
            return _started(state, happening)
        case SpeechEnded():
            return _ended(state, happening)
        case Elapsed(now_ms=now_ms):
            return _elapsed(state, now_ms)
        case LineLost(at_ms=at_ms) | LineEnded(at_ms=at_ms):
            return _broken_off(state, at_ms)
        case FinalWords(heard=heard, now_ms=now_ms):
            return _final(state, heard, now_ms)
        case Deafened(keep_newest=keep_newest):
            return _deafened(state, keep_newest)
        case EarChanged():
            return _changed(state, happening)
        case _:
            assert_never(happening)


def _started(state: TurnTaking, event: SpeechStarted) -> Stepped:
    if event.utterance <= max(state.settled, state.utterance):
        return state, ()  # told twice, or before this host's time
    before: tuple[Step, ...] = ()
    if isinstance(state.situation, Pausing) and event.at_ms > state.situation.over_ms:
        state, before = _over(state, state.situation.ended_ms)
    elif state.presumed and isinstance(state.situation, Pausing):
        before = (TakeBack(),)
    new_turn = isinstance(state.situation, Quiet)
    state = msgspec.structs.replace(
        state, situation=Speaking(), utterance=event.utterance, finals=0
    )
    return state, (*before, Listen(event.first_frame, new_turn))


def _ended(state: TurnTaking, event: SpeechEnded) -> Stepped:
    if not isinstance(state.situation, Speaking) or event.utterance != state.utterance:
        return state, ()
    if state.finals:  # the recogniser was quicker than the silence
        return msgspec.structs.replace(state, situation=Quiet()), (Rest(event.last_frame),)
    state, steps = _pausing(state, event.ended_ms)
    return state, (Rest(event.last_frame), *steps)


def _pausing(state: TurnTaking, ended_ms: int) -> Stepped:
    over_ms = ended_ms + state.turns.stop_ms + state.turns.silence_ms
    over_ms += PATIENCE_MS if state.end_of_turn else 0
    presumed_ms = ended_ms + state.turns.eager_ms if state.presumes else over_ms
    pausing = Pausing(ended_ms=ended_ms, over_ms=over_ms)
    return msgspec.structs.replace(state, situation=pausing), (Wake(min(presumed_ms, over_ms)),)


def _changed(state: TurnTaking, changed: EarChanged) -> Stepped:
    """A pause under way is as long as the new recogniser wants it."""
    state = msgspec.structs.replace(
        state, end_of_turn=changed.end_of_turn, presumes=changed.presumes
    )
    match state.situation:
        case Pausing(ended_ms=ended_ms):
            return _pausing(state, ended_ms)
        case _:
            return state, ()


def _elapsed(state: TurnTaking, now_ms: int) -> Stepped:
    match state.situation:
        case Pausing(ended_ms=ended_ms, over_ms=over_ms) if now_ms >= over_ms:
            return _over(state, ended_ms)
        case Pausing(presumed=False) as pausing if _is_presumed_by(state, pausing, now_ms):
            presumed = msgspec.structs.replace(pausing, presumed=True)
            state = msgspec.structs.replace(state, situation=presumed)
            return state, (Presume(), Wake(pausing.over_ms))
        case _:
            return state, ()  # speech came first


def _is_presumed_by(state: TurnTaking, pausing: Pausing, now_ms: int) -> bool:
    return state.presumes and now_ms >= pausing.ended_ms + state.turns.eager_ms


def _broken_off(state: TurnTaking, at_ms: int) -> Stepped:
    """No more sound comes on this line: what was said until then is the turn."""
    match state.situation:
        case Pausing(ended_ms=ended_ms):
            return _over(state, ended_ms)
        case Speaking() if not state.finals:
            return _over(state, at_ms)
        case _:
            return msgspec.structs.replace(state, situation=Quiet()), ()


def _over(state: TurnTaking, ended_ms: int) -> Stepped:
    awaited = Awaited(utterance=state.utterance, ended_ms=ended_ms)
    return (
        msgspec.structs.replace(state, situation=Quiet(), awaited=(*state.awaited, awaited)),
        (Finish(),),
    )


def _final(state: TurnTaking, heard: Heard, now_ms: int) -> Stepped:
    if state.awaited:
        first, *rest = state.awaited
        state = msgspec.structs.replace(state, awaited=tuple(rest))
        return _concluded(state, first, heard)
    match state.situation:
        case Pausing(ended_ms=ended_ms):
            state = msgspec.structs.replace(state, situation=Quiet())
        case Speaking() | Quiet() if heard.text:
            ended_ms = now_ms  # speech too soft for the gateway, or not yet known to have ended
        case _:
            return state, ()
    return _concluded(state, Awaited(utterance=state.utterance, ended_ms=ended_ms), heard)


def _concluded(state: TurnTaking, turn: Awaited, heard: Heard | None) -> Stepped:
    newest = turn.utterance == state.utterance
    nth = state.finals + 1 if newest else 1
    done = Conclude(utterance=turn.utterance, nth=nth, ended_ms=turn.ended_ms, heard=heard)
    return (msgspec.structs.replace(state, finals=nth) if newest else state), (done,)


def _deafened(state: TurnTaking, keep_newest: bool) -> Stepped:
    """What was awaited will not come, except for the newest turn if nothing was said since."""
    keep = keep_newest and isinstance(state.situation, Quiet)
    lost, kept = (state.awaited[:-1], state.awaited[-1:]) if keep else (state.awaited, ())
    state = msgspec.structs.replace(state, awaited=kept)
    steps: list[Step] = []
    for turn in lost:
        state, concluded = _concluded(state, turn, None)
        steps.extend(concluded)
    return state, tuple(steps)
