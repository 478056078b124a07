"""Why a reply was cut or given up: told by what was recorded together with that."""

from contracts.dialog import CallEnded, CallerReturned, TurnTaken
from contracts.line import DigitPressed, LineEnded, PlaybackCleared, SpeechStarted
from contracts.recorded import Recorded


def cause_of_cut(recorded: Recorded, event: PlaybackCleared) -> str:
    """Why the gateway threw the rest of a reply away."""
    beside = recorded.message.events
    if any(isinstance(each, LineEnded) for each in beside):
        return "hung_up"
    if any(isinstance(each, DigitPressed) for each in beside):
        return "key"
    if any(isinstance(each, SpeechStarted) for each in beside):
        return "barge_in"
    # Cut alone: a part never came, or the agent began to speak over a caller who went on.
    return "left_out" if event.left_out else "barge_in"


def cause_of_giving_up(recorded: Recorded, *, away: bool) -> str:
    """Why the dialog gave a reply up that the gateway had not cut."""
    beside = recorded.message.events
    if any(isinstance(each, CallerReturned) for each in beside):
        return "line_lost"
    if any(isinstance(each, CallEnded) for each in beside):
        return "line_lost" if away else "hung_up"
    if any(isinstance(each, TurnTaken) for each in beside):
        return "overtaken"
    return "unknown"
