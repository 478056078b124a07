"""Intents, phrases and sentences."""

from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scenes import AGENT

from contracts.agent import Agent, Intent
from services.call.intents import Understanding, examples, understand
from services.call.phrases import fill, names
from services.call.sentences import SentenceCutter, split
from services.cli.agent_file import read_agent

EXAMPLE = Path(__file__).parents[2] / "services" / "cli" / "example" / "agent.toml"


@pytest.mark.parametrize(
    ("text", "intent", "kind"),
    [
        ("When are you open?", "hours", "question"),
        ("when are you open please", "hours", "question"),
        ("Book me in on Monday", "book", "action"),
        ("yes please", "yes", "confirm"),
        ("yeah", "confirm", "confirm"),
        ("no", "confirm", "confirm"),
        ("how deep is the sea", "question", "question"),
        ("hello there", "hello", "hello"),
        ("well goodbye then", "goodbye", "goodbye"),
        ("purple monkeys dance", "unknown", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_what_the_caller_wants_is_found_by_the_nearest_example(
    text: str, intent: str, kind: str
) -> None:
    found = understand(text, AGENT)
    assert (found.intent, found.kind) == (intent, kind)


def test_a_value_of_a_slot_is_found_in_the_agents_own_spelling() -> None:
    agent = replace(
        AGENT,
        slots={"day": ("Monday",), "doctor": ("Dr. Smith", "Dr. Smith-Jones")},
        intents=(Intent(name="see", kind="action", phrases=("i want {doctor} on {day}",)),),
    )
    found = understand("I want Dr Smith Jones on monday", agent)
    assert found == Understanding(
        intent="see", kind="action", slots={"day": "Monday", "doctor": "Dr. Smith-Jones"}
    )


def test_a_slot_left_open_still_finds_the_intent() -> None:
    agent = read_agent(EXAMPLE)
    found = understand("i would like to book a check up on tuesday", agent)
    assert (found.intent, found.slots) == ("book", {"treatment": "check up", "day": "tuesday"})


def test_a_yes_and_a_no_carry_their_answer() -> None:
    assert understand("yes please", AGENT).slots["answer"] == "yes"
    assert understand("nope", AGENT).slots["answer"] == "no"


def test_every_example_of_the_example_agent_finds_its_own_intent() -> None:
    agent = read_agent(EXAMPLE)
    for intent in agent.intents:
        for phrase in examples(replace(agent, intents=(intent,))):
            assert understand(phrase, agent).intent == intent.name, phrase


def test_examples_are_spelled_out_with_every_value_of_their_slots() -> None:
    assert [e for e in examples(AGENT) if e.startswith("book")] == [
        "book me in on monday",
        "book me in on tuesday",
    ]


def test_an_agent_without_intents_still_understands_what_everybody_says() -> None:
    assert understand("bye", Agent(name="a")).kind == "goodbye"


@settings(max_examples=200)
@for_all(st.text(max_size=60))
def test_no_words_are_too_strange_to_be_understood_somehow(text: str) -> None:
    assert understand(text, AGENT).kind


# Phrases


def test_a_phrase_takes_each_value_from_the_first_that_knows_it() -> None:
    assert fill("{a} and {b}{c}.", {"a": 1}, {"a": 2, "b": "two"}) == "1 and two."
    assert names("{a} and {b}{c}.") == {"a", "b", "c"}


def test_a_value_that_looks_like_a_variable_is_said_as_it_is() -> None:
    assert fill("Hello {name}.", {"name": "{secret}"}, {"secret": "x"}) == "Hello {secret}."


# Sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. Smith is in. He sees you at 5 p.m. on Monday. Bye!",
            ["Dr. Smith is in.", "He sees you at 5 p.m. on Monday.", "Bye!"],
        ),
        ("It costs $5.50. Is that all right?", ["It costs $5.50.", "Is that all right?"]),
        ("No full stop", ["No full stop"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_text_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert split(text, "en-US") == sentences


def test_a_sentence_is_given_as_soon_as_the_next_one_shows_it_is_complete() -> None:
    cutter = SentenceCutter("en-US")
    assert cutter.feed("Dr. ") == []
    assert cutter.feed("Smith is in. ") == []
    assert cutter.feed("He ") == ["Dr. Smith is in."]
    assert cutter.feed("waits.") == []
    assert cutter.rest() == ["He waits."]
    assert cutter.rest() == []


PIECES = [
    "Dr. Smith",
    "we open at 9 a.m.",
    "it costs $5.50",
    "Mrs. Jones",
    "see you",
    "yes",
    "No. 5",
]
TEXTS = st.lists(
    st.tuples(st.sampled_from(PIECES), st.sampled_from([". ", "! ", "? ", ", ", " "])),
    min_size=1,
    max_size=8,
).map(lambda pairs: "".join(piece.capitalize() + end for piece, end in pairs))


@settings(max_examples=150)
@for_all(TEXTS, st.integers(1, 12))
def test_a_text_that_streams_in_is_cut_as_if_it_had_come_whole(text: str, size: int) -> None:
    cutter, cut = SentenceCutter("en-US"), []
    for start in range(0, len(text), size):
        cut += cutter.feed(text[start : start + size])
    assert cut + cutter.rest() == split(text, "en-US")
