"""The grammar made from an agent's own phrases."""

from contracts.agent import Agent, Intent
from services.stt.providers.grammar import Grammar, of_agent

BOOKING = Agent(
    name="a",
    intents=(Intent(name="book", kind="action", phrases=("Book a check-up, on {day}!", "Bye")),),
    slots={"day": ("Monday", "Tuesday"), "unused": ("never",)},
)


def test_phrases_are_spelt_as_the_recogniser_spells_and_slots_become_rules() -> None:
    grammar = of_agent(BOOKING)
    assert grammar is not None
    assert grammar.jsgf() == (
        "#JSGF V1.0;\n"
        "grammar agent;\n"
        "<slot0> = monday | tuesday;\n"
        "public <turn> = book a check up on <slot0> | bye;\n"
    )


def test_an_agent_without_phrases_has_no_grammar() -> None:
    assert of_agent(Agent(name="a")) is None


def test_a_phrase_with_an_unheard_of_word_is_left_out_and_the_rest_kept() -> None:
    grammar = Grammar(phrases=("zyxgrbl please", "on {day}", "bye"), slots={"day": ("qrx", "noon")})
    kept = grammar.of_known(frozenset({"please", "on", "noon", "bye"}))
    assert kept == Grammar(phrases=("on {day}", "bye"), slots={"day": ("noon",)})


def test_a_phrase_whose_slot_has_no_values_is_left_out() -> None:
    intent = Intent(name="i", kind="action", phrases=("on {day}", "bye"))
    assert of_agent(Agent(name="a", intents=(intent,))) == Grammar(phrases=("bye",))


def test_half_a_sentence_is_told_from_a_whole_one() -> None:
    grammar = of_agent(BOOKING)
    assert grammar is not None
    assert grammar.complete("book a check up on tuesday")
    assert not grammar.complete("book a check up on")
