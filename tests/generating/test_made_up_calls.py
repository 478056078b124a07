"""What a seed makes: calls that today's rules would have decided just so."""

import math
import typing
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest

from contracts import dialog, line, passages, transcript
from contracts.ids import CallId, TenantId
from contracts.outcome import CallErased
from contracts.recorded import CallEvent, Recorded
from loadtest.generating import History, histories
from loadtest.generating.generate import UNTIL_MS
from loadtest.generating.history import recorded
from loadtest.generating.houses import houses
from loadtest.generating.times import LEAST_DAYS, call_id, rings
from services.call.verify import verify

CALL = CallId("made-up")
NEVER = {
    transcript.TranscriptDrafted: "is told live and never stored",
    CallErased: "is stored when somebody erases the call, long after it",
}
"""Events that no made-up call holds."""


@cache
def made_up() -> tuple[History, ...]:
    """Enough calls that everything happens in one of them."""
    return tuple(histories(7, 600))


def as_read(history: History, *, apart: int = 1, after: int = 0) -> list[Recorded]:
    """The call from a log in which each of its messages is `apart` behind the one before."""
    places = range(1, len(history.messages) + 1)
    return recorded(history, CALL, [after + apart * place for place in places])


def events_of(history: History) -> Iterator[CallEvent]:
    return (event for told in history.messages for event in told.message.events)


def test_nothing_is_wrong_with_any_made_up_call_and_each_has_ended() -> None:
    for history in made_up():
        agent = houses()[history.house].agent
        checked = verify(as_read(history), agent, now_ms=math.inf)
        assert checked.findings == ()
        assert checked.ended


def test_a_call_is_as_valid_wherever_in_a_log_it_stands() -> None:
    for history in made_up()[:50]:
        agent = houses()[history.house].agent
        far = as_read(history, apart=17, after=123_456)
        assert verify(far, agent, now_ms=math.inf).findings == ()


def test_by_the_rules_of_another_agent_it_would_have_been_another_call() -> None:
    history = next(history for history in made_up() if history.house == "dentist")
    assert verify(as_read(history), houses()["hotel"].agent, now_ms=math.inf).findings


def test_the_same_seed_makes_the_same_bytes() -> None:
    one, again = histories(3, 20), histories(3, 20)
    for history, same in zip(one, again, strict=True):
        assert [r.payload for r in as_read(history)] == [r.payload for r in as_read(same)]


def test_another_seed_makes_other_calls() -> None:
    one, other = ({as_read(h)[0].payload for h in histories(seed, 20)} for seed in (3, 4))
    assert not one & other


def test_a_call_does_not_depend_on_how_many_others_are_made() -> None:
    few = {history.number: history for history in histories(3, 5)}
    many = {history.number: history for history in histories(3, 40)}
    assert all(many[number].messages == history.messages for number, history in few.items())


def test_every_event_that_a_call_can_hold_is_held_by_one() -> None:
    happened = {type(event) for history in made_up() for event in events_of(history)}
    possible = set(typing.get_args(CallEvent)) - NEVER.keys()
    assert {event.__name__ for event in possible - happened} == set()
    assert not happened & NEVER.keys()
    assert transcript.TranscriptFinalizedV1 in happened  # what old messages hold


def test_every_cause_of_a_decision_occurs() -> None:
    decisions = [t.message.decision for h in made_up() for t in h.messages]
    causes = {type(decision.cause) for decision in decisions if decision}
    assert {cause.__name__ for cause in typing.get_args(dialog.InnerFact)} <= {
        cause.__name__ for cause in causes
    }


def test_calls_end_in_all_the_ways_calls_end() -> None:
    """`duration` is left out: a made-up call of an hour is a call forgotten."""
    reasons = {e.reason for h in made_up() for e in events_of(h) if isinstance(e, dialog.CallEnded)}
    assert reasons == set(typing.get_args(line.EndReason)) - {"duration"}


@pytest.mark.parametrize(
    ("what", "field", "value"),
    [
        (dialog.PassagesTaken, "late", True),
        (dialog.ReplyInterrupted, "resumed", True),
        (dialog.ToolReturned, "ok", False),
        (dialog.ToolReturned, "unsure", True),
        (line.LineLost, "planned", True),
        (line.LineResumed, "unbroken", True),
        (line.PlaybackCleared, "left_out", True),
        (passages.PassagesFound, "passages", ()),
    ],
)
def test_what_is_rare_happens_too(what: type[CallEvent], field: str, value: object) -> None:
    events = (event for history in made_up() for event in events_of(history))
    assert any(getattr(event, field) == value for event in events if isinstance(event, what))


def test_calls_are_taken_over_by_other_owners() -> None:
    epochs = {(told.family, told.message.epoch) for h in made_up() for told in h.messages}
    assert {("dialog", 2), ("transcript", 2), ("line", 2)} <= epochs


def test_calls_go_on_in_several_languages_and_both_directions() -> None:
    opened = [e for h in made_up() for e in events_of(h) if isinstance(e, dialog.CallOpened)]
    rang = [e for h in made_up() for e in events_of(h) if isinstance(e, line.LineRang)]
    assert {event.language[:2] for event in opened} == {"en", "de", "es"}
    assert {event.direction for event in rang} == {"inbound", "outbound"}


def test_nobody_has_the_number_of_a_made_up_caller() -> None:
    """Ranges that are reserved for fiction in the United States, Great Britain and Germany."""
    rang = [e for h in made_up() for e in events_of(h) if isinstance(e, line.LineRang)]
    reserved = ("+155501", "+4477009", "+493023125", "+4917139200")
    for event in rang:
        assert event.caller.startswith(reserved), event.caller
        assert event.called.startswith(reserved), event.called


def test_turns_are_few_or_many() -> None:
    turns = [e.turns for h in made_up() for e in events_of(h) if isinstance(e, dialog.CallEnded)]
    assert min(turns) == 0
    assert max(turns) >= 20
    assert 3 <= sum(turns) / len(turns) <= 8


def test_a_calls_times_rise_and_all_calls_are_over_by_the_time_given() -> None:
    for history in histories(5, 60, until_ms=UNTIL_MS, days=2.0):
        times = [told.at_ms for told in history.messages]
        assert times == sorted(times)
        assert UNTIL_MS - 2 * 86_400_000 <= history.rang_ms == times[0]
        assert times[-1] <= UNTIL_MS


def test_calls_come_in_the_order_in_which_they_rang() -> None:
    assert all(one.rang_ms <= next.rang_ms for one, next in pairwise(made_up()))


def test_more_people_call_by_day_than_at_night() -> None:
    hours = [ring // 3_600_000 % 24 for ring in rings(Random(1), 2_000, UNTIL_MS, 7.0)]
    assert sum(8 <= hour < 18 for hour in hours) > 10 * sum(hour < 5 for hour in hours)


def test_a_call_id_tells_when_the_call_rang() -> None:
    made = UUID(call_id(UNTIL_MS, Random(1)))
    assert (made.version, made.int >> 80) == (7, UNTIL_MS)


def test_too_few_days_are_refused() -> None:
    with pytest.raises(ValueError, match=str(LEAST_DAYS)):
        list(histories(1, 1, days=LEAST_DAYS / 2))


def test_calls_belong_to_all_tenants() -> None:
    tenants = (TenantId("one"), TenantId("other"))
    assert {history.tenant for history in histories(5, 20, tenants=tenants)} == set(tenants)
