"""Whatever comes, in whatever order and with whatever numbers, the rules hold."""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from memory_log import RecordedCall
from scenes import (
    AGENT,
    NOW,
    ONLY_TOLD,
    AnyFact,
    answered,
    asked_for,
    back,
    cleared,
    found,
    gave_way,
    hung_up,
    lost,
    misheard,
    model_done,
    model_failed,
    not_found,
    passage,
    played,
    pressed,
    rang,
    reported,
    said,
    waited,
    wrote,
)

from contracts import dialog
from contracts.recorded import DialogEvent
from services.call.actor import dialog_events
from services.call.decide import decide
from services.call.duties import Run, Wait, Write, duty
from services.call.evolve import evolve, fold
from services.call.replay import check, state_at
from services.call.state import CallState, Ended, Unopened, state_hash

WORDS = [
    "hello there",
    "when are you open",
    "book me in on monday",
    "yes please",
    "no thank you",
    "a real person please",
    "who is this",
    "goodbye",
    "",
    "\x00 ☎ {day} {} ' \" \\",
]
# A number is meant relative to the present reply, turn or tool run; nonsense is taken as it is.
Numbered = Callable[[int, int], AnyFact]
MAKERS: dict[str, Numbered] = {
    "rang": lambda n, k: rang(),
    "answered": lambda n, k: answered(),
    "said": lambda n, k: said(WORDS[k % len(WORDS)], n),
    "said again": lambda n, k: said(WORDS[k % 5], n),
    "misheard": lambda n, k: misheard(n),
    "played": lambda n, k: played(n),
    "played on": lambda n, k: played(n),
    "cleared": lambda n, k: cleared(n, k - 3, 400 * k, 1_000, whole=bool(k % 2)),
    "pressed": lambda n, k: pressed("0123456789*#"[k % 12]),
    "told": lambda n, k: ONLY_TOLD[k % len(ONLY_TOLD)],
    "found": lambda n, k: found(n, *([passage()] * (k % 3))),
    "dropped": lambda n, k: dialog.DraftDropped(at_ms=NOW, utterance=n, reason="changed"),
    "not found": lambda n, k: not_found(n),
    "waited": lambda n, k: waited(n),
    "wrote": lambda n, k: wrote(n, WORDS[k % len(WORDS)] or "Yes."),
    "wrote more": lambda n, k: wrote(n, "And more."),
    "done": lambda n, k: model_done(n),
    "failed": lambda n, k: model_failed(n),
    "gave way": lambda n, k: gave_way(n),
    "book": lambda n, k: asked_for("book", n, day="monday" if k % 4 else "never"),
    "look up": lambda n, k: asked_for("look_up" if k % 5 else "nothing", n, any=k),
    "reported": lambda n, k: reported(f"run-{n}", ok=bool(k % 4), number="one"),
    "lost": lambda n, k: lost(n, k - 2, planned=not k % 3),
    "back": lambda n, k: back(n),
    "hung up": lambda n, k: hung_up(),
}
TURN, RUN = {"found", "not found", "waited"}, {"reported"}
Step = tuple[str, int, int]
_often = [name for name in MAKERS if name != "hung up"]
STEP: st.SearchStrategy[Step] = st.tuples(
    st.sampled_from([*_often, *_often, *_often, "hung up"]),
    st.sampled_from([*[0] * 12, -1, 1, 2, -(10**12), 10**12]),
    st.integers(0, 11),
)
STEPS = st.lists(STEP, max_size=60) | st.lists(STEP, min_size=30, max_size=60)


def fact_of(step: Step, state: CallState) -> AnyFact:
    name, offset, variant = step
    talk = None if isinstance(state, Unopened) else state.talk
    if talk is None:
        present = 1
    elif name in TURN:
        present = talk.turn
    elif name in RUN:
        present = talk.invocations
    elif name.startswith(("played", "cleared")) and talk.reply:
        present = talk.reply.number
    else:
        present = talk.next_reply
    return MAKERS[name](present + offset, variant)


def lived(steps: list[Step]) -> list[tuple[CallState, AnyFact, list[DialogEvent], CallState]]:
    """Each step as situation, fact, decision, next situation. The line is answered first."""
    state: CallState = Unopened()
    story = []
    for step in [("rang", 0, 0), ("answered", 0, 0), *steps]:
        fact = fact_of(step, state)
        events = decide(fact, state, AGENT)
        after = fold(events, state)
        story.append((state, fact, events, after))
        state = after
    return story


def all_events(steps: list[Step]) -> list[DialogEvent]:
    return [event for _, _, events, _ in lived(steps) for event in events]


@settings(max_examples=300, deadline=None)
@for_all(st.lists(STEP, max_size=25))
def test_facts_without_any_order_are_always_decided(steps: list[Step]) -> None:
    """Here even the ring and the answer may be missing or late."""
    state: CallState = Unopened()
    for step in steps:
        state = fold(decide(fact_of(step, state), state, AGENT), state)
        assert duty(state, AGENT) is None or isinstance(duty(state, AGENT), Write | Run | Wait)


@settings(max_examples=300, deadline=None)
@for_all(STEPS)
def test_nothing_follows_the_end_of_a_call(steps: list[Step]) -> None:
    story = lived(steps)
    events = all_events(steps)
    ends = [i for i, event in enumerate(events) if isinstance(event, dialog.CallEnded)]
    assert ends in ([], [len(events) - 1])
    for situation, _, decided, _ in story:
        if isinstance(situation, Ended):
            assert decided == []
            assert duty(situation, AGENT) is None


@settings(max_examples=300, deadline=None)
@for_all(STEPS)
def test_replies_are_numbered_upwards_and_their_sentences_without_a_hole(steps: list[Step]) -> None:
    events = all_events(steps)
    replies = [e.reply for e in events if isinstance(e, dialog.ReplyBegun)]
    assert replies == list(range(1, len(replies) + 1))
    for reply in replies:
        numbers = [
            e.sentence for e in events if isinstance(e, dialog.SentenceWritten) and e.reply == reply
        ]
        assert numbers == list(range(1, len(numbers) + 1))
        counted = [
            e.sentences for e in events if isinstance(e, dialog.ReplyFinished) and e.reply == reply
        ]
        assert counted in ([], [len(numbers)])
    over = Counter(
        e.reply for e in events if isinstance(e, dialog.ReplyHeard | dialog.ReplyInterrupted)
    )
    assert all(count == 1 for count in over.values())


@settings(max_examples=300, deadline=None)
@for_all(STEPS)
def test_turns_are_numbered_upwards(steps: list[Step]) -> None:
    turns = [
        e.turn for e in all_events(steps) if isinstance(e, dialog.TurnTaken | dialog.TurnMisheard)
    ]
    assert turns == list(range(1, len(turns) + 1))


@settings(max_examples=400, deadline=None)
@for_all(STEPS)
def test_a_tool_is_called_at_most_once_and_only_as_it_was_proposed(steps: list[Step]) -> None:
    events = all_events(steps)
    calls = Counter(e.invocation for e in events if isinstance(e, dialog.ToolCalled))
    assert all(count == 1 for count in calls.values())
    proposed = {e.invocation: e for e in events if isinstance(e, dialog.ToolProposed)}
    for event in events:
        if isinstance(event, dialog.ToolCalled) and event.tool == "book":
            assert proposed[event.invocation].arguments == event.arguments
    returned = Counter(e.invocation for e in events if isinstance(e, dialog.ToolReturned))
    assert returned.keys() <= calls.keys()
    assert all(count == 1 for count in returned.values())


@settings(max_examples=200, deadline=None)
@for_all(STEPS)
def test_what_takes_the_caller_away_comes_after_the_phrase_was_heard(steps: list[Step]) -> None:
    for _, _, events, _ in lived(steps):
        for before, event in pairwise(events):
            if isinstance(event, dialog.HangUpRequested | dialog.TransferRequested):
                assert isinstance(before, dialog.ReplyHeard)
    leaving = [
        e
        for e in all_events(steps)
        if isinstance(e, dialog.HangUpRequested | dialog.TransferRequested)
    ]
    assert len(leaving) <= 1


@settings(max_examples=200, deadline=None)
@for_all(STEPS, st.integers(0, 200))
def test_a_state_is_the_same_folded_at_once_or_in_pieces(steps: list[Step], cut: int) -> None:
    events = all_events(steps)
    whole = fold(events)
    assert fold(events[cut:], fold(events[:cut])) == whole
    one_by_one: CallState = Unopened()
    for event in events:
        one_by_one = evolve(one_by_one, event)
    assert state_hash(one_by_one) == state_hash(whole)


@settings(max_examples=200, deadline=None)
@for_all(st.lists(st.tuples(STEPS, STEP), max_size=3), STEPS)
def test_every_event_fits_every_situation(
    others: list[tuple[list[Step], Step]], steps: list[Step]
) -> None:
    """Events of other calls than the one whose situation it is: evolve is total."""
    state = fold(all_events(steps))
    for foreign, _ in others:
        state = fold(all_events(foreign), state)
        duty(state, AGENT)


@settings(max_examples=150, deadline=None)
@for_all(STEPS, st.integers(0, 60))
def test_a_recorded_call_adds_up_though_its_host_changes(steps: list[Step], handover: int) -> None:
    """Real bytes, real actors: what is read back is decided again, chain and hashes included."""
    history, state = asyncio.run(_recorded(steps, handover))
    assert check(history, AGENT) == []
    assert state_hash(state_at(history)) == state_hash(state)


async def _recorded(steps: list[Step], handover: int) -> tuple[list, CallState]:  # type: ignore[type-arg]
    call = RecordedCall()
    await call.claim()
    for place, step in enumerate([("rang", 0, 0), ("answered", 0, 0), *steps]):
        if place == handover:
            call = RecordedCall("dialog-2", call.journal)
            await call.claim()
        await call.take(fact_of(step, call.actor.state))
    decided = [e for r in call.journal.history for e in dialog_events(r.message)]
    assert fold(decided) == call.actor.state
    return call.journal.history, call.actor.state
