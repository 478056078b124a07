"""Where one thing that can't be multiplied is full, in calls at a time. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.streams import ACK_WAIT_S
from loadtest.scale.measured import Figure, Measured

_US: Final = 1e6
_DAY_MIN: Final = 1440


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    name: str
    calls: float  # at a time, in one group: what stands alone used as far as `busiest` says
    demand: str
    limit: str
    then: str  # what moves it
    setting: str  # that does so; empty: the product has none
    moved: bool = False  # by that setting, which a large installation has anyway
    sure: bool = True  # False: extrapolated from CPU for one, not reached


ACCOUNT: Final = "PARTYLINE_NATS: an account for each group"


def walls(known: Measured) -> list[Wall]:
    """The nearest first."""
    return sorted(_walls(known), key=lambda wall: wall.calls)


def group_calls(known: Measured) -> float:
    """Calls that one group holds, an installation's settings being as they can be."""
    return min(wall.calls for wall in walls(known) if not wall.moved)


def subjects_a_call(known: Measured, days: Figure) -> float:
    """In the log that keeps `days`, for each call at a time of the busiest hour."""
    calls_a_day = known.busy.value * _DAY_MIN / known.call_min.value
    return known.call_subjects.value * calls_a_day * days.value


def room_for(known: Measured, within_s: float, heirs: int) -> int:
    """Calls that one process may hold, so that the last is taken over so long after its death."""
    return int((within_s - ACK_WAIT_S) * 1000 / known.takeover_cpu.value * heirs)


def _walls(known: Measured) -> Sequence[Wall]:
    return (
        *_subjects(known),
        *_log(known),
        *_sound(known),
        _projections(known),
        *_claims(known),
    )


def _subjects(known: Measured) -> Sequence[Wall]:
    return (
        Wall(
            name=f"subjects of {known.kept_days.value:g} days' calls",
            calls=known.subjects_limit.value / subjects_a_call(known, known.kept_days),
            demand=f"{subjects_a_call(known, known.kept_days):,.0f} subjects a call",
            limit=f"{known.subjects_limit.value:,.0f}",
            then="calls leave the log for the archive soon after their end",
            setting="PARTYLINE_ARCHIVE; ..._AFTER_DAYS=0.1",
            moved=True,
        ),
        Wall(
            name="subjects of a day's calls, then archived",
            calls=known.subjects_limit.value / subjects_a_call(known, known.archived_days),
            demand=f"{subjects_a_call(known, known.archived_days):,.0f} subjects a call",
            limit=f"{known.subjects_limit.value:,.0f}",
            then="another log; a server that starts again with more takes long",
            setting=ACCOUNT,
        ),
    )


def _log(known: Measured) -> Sequence[Wall]:
    appends_per_s = known.appends.value / 60
    return (
        _leader("log, one server", appends_per_s, known.alone_append, known, moved=True),
        _leader("log, three servers", appends_per_s, known.three_append, known),
    )


def _sound(known: Measured) -> Sequence[Wall]:
    return (
        Wall(
            name="sound kept for takeovers",
            calls=known.audio_limit.value / known.call_audio.value,
            demand=f"{known.call_audio.value / 1024:,.0f} KiB a call",
            limit=f"{known.audio_limit.value / 2**20:,.0f} MiB",
            then="less than 15 s are kept: a successor misses the beginning of a long utterance",
            setting=ACCOUNT,
        ),
        Wall(
            name="sound, the stream's leader",
            calls=known.busiest.value * _US / (known.frames.value * known.frame_cpu.value),
            demand=f"{known.frames.value:,.0f} messages/s a call",
            limit=f"{_US / known.frame_cpu.value:,.0f} messages/s",
            then="another stream, led by another server",
            setting=ACCOUNT,
            sure=False,
        ),
    )


def _projections(known: Measured) -> Wall:
    appends_per_s = known.appends.value / 60
    return Wall(
        name="projections, one process",
        calls=known.busiest.value * _US / (appends_per_s * known.project_cpu.value),
        demand=f"{appends_per_s:,.2f} messages/s a call",
        limit=f"{_US / known.project_cpu.value:,.0f} messages/s",
        then="each group has projections and a database of its own",
        setting=f"{ACCOUNT}; PARTYLINE_POSTGRES",
        sure=False,
    )


def _claims(known: Measured) -> Sequence[Wall]:
    return (
        Wall(
            name="claims kept alive, the stream's leader",
            calls=known.busiest.value * _US / known.claim_cpu.value,
            demand=f"{known.claim_msgs.value:,.1f} messages/s a call",
            limit=f"{known.claim_msgs.value * _US / known.claim_cpu.value:,.0f} messages/s",
            then="another stream, led by another server",
            setting=ACCOUNT,
            sure=False,
        ),
        Wall(
            name="claims of a role, held",
            calls=known.claims_limit.value,
            demand="1 a call",
            limit=f"{known.claims_limit.value:,.0f}",
            then="further calls wait for a host",
            setting=ACCOUNT,
        ),
    )


def _leader(
    name: str, appends_per_s: float, append: Figure, known: Measured, *, moved: bool = False
) -> Wall:
    """An append waits for the disk: what the leader takes is what it was seen to take here."""
    return Wall(
        name=name,
        calls=known.busiest.value / (appends_per_s * append.value),
        demand=f"{appends_per_s:,.2f} appends/s a call",
        limit=f"{1 / append.value:,.0f} appends/s",
        then="the log on three servers, of which one leads" if moved else "another log",
        setting="PARTYLINE_NATS_NODES=3, or a cluster: PARTYLINE_NATS" if moved else ACCOUNT,
        moved=moved,
    )
