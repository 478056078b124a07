"""The scripted model's text and what it may hold."""

from msgspec.structs import replace
from prompts import prompt_for

from contracts.agent import Agent, Provider
from services.dialog.provider import Delta, Prompt, Spoken
from services.dialog.providers.scripted import Scripted


async def test_it_says_the_callers_newest_words() -> None:
    prompt = _prompt("You said {said}.", "4 5", "6 7")
    assert await _written(prompt) == "You said 6 7. "


async def test_a_text_without_said_is_the_same_for_every_caller() -> None:
    assert await _written(_prompt("Noted.", "4 5")) == "Noted. "


async def test_before_the_caller_spoke_there_are_no_words() -> None:
    prompt = replace(_prompt("You said {said}.", ""), history=())
    assert await _written(prompt) == "You said . "


def _prompt(text: str, *said: str) -> Prompt:
    agent = Agent(name="a", llm=Provider(provider="scripted", options={"text": text}))
    history = [Spoken(by="caller", text=words) for words in said]
    history.insert(1, Spoken(by="agent", text="Yes?"))
    return replace(prompt_for(said[-1], agent), history=tuple(history))


async def _written(prompt: Prompt) -> str:
    pieces = [piece async for piece in Scripted().write(prompt)]
    return "".join(piece.text for piece in pieces if isinstance(piece, Delta))
