"""What is killed when, and how its successor is known. Pure."""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from contracts import dialog
from contracts.event import OwnerClaimed
from contracts.line import LineResumed, PlaybackStarted, SentencePlayed, SpeechStarted
from contracts.recorded import CallEvent, Recorded
from contracts.synthesis import SentenceSynthesized
from services.cli.demo_kill.story import Story

Victim = Literal["stt", "dialog", "voice", "gateway", "nats", "postgres"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One kill to come."""

    victim: Victim  # of a role: the process that holds the call just then
    turn: int  # in which the caller may notice
    doing: str  # what it is about
    due: Callable[[CallEvent, Story], bool]  # whether this event is the moment


PLAN: Final = (
    Step(
        victim="stt",
        turn=2,
        doing="while the caller speaks",
        due=lambda event, story: isinstance(event, SpeechStarted) and story.turn == 1,
    ),
    Step(
        victim="dialog",
        turn=3,
        doing="as it takes a turn",
        due=lambda event, _: isinstance(event, dialog.TurnTaken) and event.turn == 3,
    ),
    Step(
        victim="voice",
        turn=4,
        doing="while its sentence is heard",
        due=lambda event, story: (
            isinstance(event, PlaybackStarted) and story.turn_of.get(event.reply) == 4
        ),
    ),
    Step(
        victim="dialog",
        turn=5,
        doing="while it books the appointment",
        due=lambda event, _: isinstance(event, dialog.ToolCalled) and event.turn == 5,
    ),
    Step(
        victim="nats",
        turn=6,
        doing="just before a turn",
        due=lambda event, story: isinstance(event, dialog.ReplyHeard) and story.answered(5),
    ),
    Step(
        victim="postgres",
        turn=6,
        doing="as a turn comes in",
        due=lambda event, _: isinstance(event, dialog.TurnTaken) and event.turn == 6,
    ),
    Step(
        victim="gateway",
        turn=7,
        doing="in the middle of the reply",
        due=lambda event, story: (
            isinstance(event, SentencePlayed) and story.turn_of.get(event.reply) == 7
        ),
    ),
)


def takes_over(victim: Victim, recorded: Recorded, event: CallEvent) -> tuple[str, int] | None:
    """Host and epoch of a successor, when this event shows one at work. Epoch 0: it has none."""
    by = recorded.message.by
    match event:
        case OwnerClaimed(role=role, host=host, epoch=epoch) if role == victim:
            return host, epoch
        case SentenceSynthesized() if victim == "voice":
            return by, 0
        case LineResumed(stint=stint) if victim == "gateway":
            return by, stint
        case _:
            return None


def pid_of(host: str) -> int:
    """The process behind a host id `<role>-<process id>-<random>`."""
    return int(host.split("-")[1])
