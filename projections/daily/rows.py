"""A row of the table daily, and what is kept in mind to make it."""

from typing import Final

import msgspec

from projections.moments import Moment, moment

_UNSET: Final = moment(0)


class DailyRow(msgspec.Struct):
    """All columns; the hour is set as the row is made."""

    tenant: str
    call: str
    hour: Moment = _UNSET
    agent: str = ""
    revision: int = 0
    language: str = ""
    direction: str = ""
    calls: int = 1
    answered: int = 0
    ended: int = 0
    duration_ms: int = 0
    turns: int = 0
    misheard: int = 0
    replies: int = 0
    fallbacks: int = 0
    interruptions: int = 0
    barge_ins: int = 0
    wait_ms: int = 0
    waits: int = 0
    questions: int = 0
    unanswered_questions: int = 0
    tool_runs: int = 0
    tool_failures: int = 0
    transfers: int = 0
    transfers_misheard: int = 0
    line_losses: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    succeeded: int = 0
    failed: int = 0
    end_caller_hung_up: int = 0
    end_agent_hung_up: int = 0
    end_transferred: int = 0
    end_inactivity: int = 0
    end_duration: int = 0
    end_media_lost: int = 0
    end_line_lost: int = 0
    end_refused: int = 0
    end_unanswered: int = 0
    end_bus_lost: int = 0
    end_shutdown: int = 0
    end_other: int = 0


class Course(msgspec.Struct):
    """A note: what of the call is not summed."""

    tenant: str
    call: str
    answered_ms: int | None = None  # UNIX time
    end: str = ""  # the column of the reason that counts
    by_line: bool = False  # the line itself told the end
    speech_ended_ms: dict[int, int] = {}  # UNIX time by turn, of those nothing was said to yet
    turns: dict[int, int] = {}  # by reply, of replies not heard yet
