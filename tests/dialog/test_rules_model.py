"""The embedded model: tools from intents, answers from passages."""

from pathlib import Path

from prompts import passage, prompt_for

from services.call.phrases import fill
from services.cli.agent_file import read_agent
from services.dialog.provider import Delta, Prompt, Spoken, ToolCall
from services.dialog.providers.rules import Rules

AGENT = read_agent(Path(__file__).parents[2] / "services" / "cli" / "example" / "agent.toml")
HOURS = passage(
    "We are open from Monday to Friday from nine to five. "
    "On Saturday we are open from ten to one. On Sunday we are closed."
)
PARKING = passage("You can park behind the house. It is free of charge.", "Parking")


async def written(prompt: Prompt) -> list[ToolCall | str]:
    pieces = [piece async for piece in Rules().write(prompt)]
    return [p.text.strip() if isinstance(p, Delta) else p for p in pieces]  # type: ignore[misc]


async def test_an_action_with_all_its_slots_becomes_a_tool_call() -> None:
    said = "i would like to book a check up on tuesday at ten"
    (call,) = await written(prompt_for(said, AGENT))
    arguments = {"treatment": "check up", "day": "tuesday", "time": "ten"}
    assert call == ToolCall(name="book_appointment", arguments=arguments)


async def test_an_action_that_lacks_something_is_asked_for_it() -> None:
    said = "i would like to book a check up on tuesday"
    assert await written(prompt_for(said, AGENT)) == ["At what time would you like to come?"]


async def test_the_sentence_that_clearly_answers_is_the_whole_answer() -> None:
    said = "are you open on saturday"
    assert await written(prompt_for(said, AGENT, PARKING, HOURS)) == [
        "On Saturday we are open from ten to one."
    ]


async def test_a_passage_without_such_a_sentence_is_read_out() -> None:
    said = "where can i park my car"
    assert await written(prompt_for(said, AGENT, PARKING)) == [
        "You can park behind the house.",
        "It is free of charge.",
    ]


async def test_a_question_no_passage_speaks_of_is_not_answered_with_one() -> None:
    said = "what is the capital of france"
    assert await written(prompt_for(said, AGENT, HOURS)) == [AGENT.phrases.unknown]
    assert await written(prompt_for(said, AGENT)) == [AGENT.phrases.unknown]


async def test_a_hello_is_answered_with_the_greeting() -> None:
    words = await written(prompt_for("hi", AGENT))
    greeting = fill(AGENT.phrases.greeting, AGENT.variables)
    assert " ".join(str(w) for w in words) == greeting


async def test_a_result_without_a_phrase_of_its_own_is_not_invented_and_calls_nothing() -> None:
    said = "i would like to book a check up on tuesday at ten"
    history = (
        Spoken(by="caller", text=said),
        Spoken(by="tool", text="{}", tool="book_appointment", invocation="run-1"),
    )
    assert await written(prompt_for(said, AGENT, history=history)) == [AGENT.phrases.unknown]
