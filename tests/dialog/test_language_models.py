"""What every language model must do, whoever makes it."""

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from prompts import prompt_for
from vendors.groq import groq_server
from vendors.models import SERVED
from vendors.serving import Refusal
from vendors.strict import StreamingVendor

from contracts.agent import Agent, Intent, Phrases, Provider, Tool
from infra.outside import Offered
from services.cli.settings import from_environment
from services.dialog.provider import Delta, LanguageModel, ModelError, Prompt, ToolCall, Usage
from services.dialog.providers import OFFERED
from services.dialog.providers.rules import Rules
from services.dialog.providers.scripted import Scripted

OPEN = "We are open until five. Come by today."
CLOSED = "We are closed on Sunday. Call again tomorrow."
SAID = "my number is four five six"
DAY = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
BOOK = Tool(name="book", description="Book a visit.", parameters=DAY)
BOOKING = Intent(name="booking", kind="action", phrases=("book me in for {day}",), tool="book")
EMBEDDED: dict[str, Callable[[], LanguageModel]] = {"rules": Rules, "scripted": Scripted}
LIVE = [pytest.param(name, marks=pytest.mark.live, id=f"{name}-live") for name in SERVED]
only_those_that_use_tools = pytest.mark.parametrize(
    "house", ["rules", *SERVED, *LIVE], indirect=True
)
only_those_that_can_fail = pytest.mark.parametrize("house", sorted(SERVED), indirect=True)

Reply = AsyncIterator[Delta | ToolCall | Usage]


class House(NamedTuple):
    """A model under test, and the vendor behind it where it has one."""

    model: LanguageModel
    vendor: StreamingVendor[Any]
    told: str = "{reply}"  # to say a reply, as its system prompt


@pytest.fixture(params=[*EMBEDDED, *SERVED, *LIVE])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    if request.node.get_closest_marker("live"):
        async with aclosing(live_house(request.param)) as houses:
            yield await anext(houses)
        return
    served = SERVED.get(request.param)
    async with served.serve() if served else groq_server() as vendor:
        vendor.script = obey
        model = served.model(vendor.key, vendor.url) if served else EMBEDDED[request.param]()
        yield House(model, vendor)
        await model.close()


async def live_house(name: str) -> AsyncGenerator[House]:
    """The real vendor, for those who have its key; the one on loopback is not asked."""
    offered = Offered(OFFERED, from_environment().provider_keys())
    if name in offered.lacking:
        pytest.skip(f"{name}: {offered.lacking[name]}")
    async with groq_server() as nobody:
        yield House(offered[name], nobody, "Say these words, and nothing else: {reply}")
    await offered.close()


async def obey(answer: Any) -> None:
    """Book when that is asked for, else say the system prompt word by word."""
    system, *_, last = answer.body["messages"]
    if last["content"].startswith("book"):
        day = last["content"].split()[-1]
        await answer.call("book", {"day": day})
    for word in system.get("content", "").split():
        await answer.text(f"{word} ")
    await answer.finish()


async def never_end(answer: Any) -> None:
    await answer.text("We are open ")
    await answer.gone()


async def break_off(answer: Any) -> None:
    await answer.text("We are ")
    answer.break_off()


async def garble(answer: Any) -> None:
    await answer.nonsense(SAID)


def prompt(house: House, reply: str, said: str = SAID) -> Prompt:
    """What has each model say `reply`: as its phrase, as its script, or as it is told."""
    options = {"text": reply} if house.model.name == "scripted" else {}
    agent = Agent(
        name="clinic",
        phrases=Phrases(unknown=reply),
        intents=(BOOKING,),
        slots={"day": ("tuesday",)},
        tools=(BOOK,),
        llm=Provider(provider=house.model.name, options=options),
    )
    return replace(prompt_for(said, agent), system=house.told.format(reply=reply))


async def written(reply: Reply) -> list[Delta | ToolCall | Usage]:
    async with asyncio.timeout(5):
        return [piece async for piece in reply]


def text(pieces: list[Delta | ToolCall | Usage]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Delta)).strip()


async def test_a_reply_comes_in_pieces_and_its_cost_if_told_last(house: House) -> None:
    pieces = await written(house.model.write(prompt(house, OPEN)))
    spoken = [piece for piece in pieces if isinstance(piece, Delta)]
    assert len(spoken) > 1
    assert text(pieces) == OPEN
    assert all(isinstance(piece, Usage) for piece in pieces[len(spoken) :])
    assert len(pieces) - len(spoken) <= 1


@only_those_that_use_tools
async def test_a_tool_is_asked_for_once_with_arguments_that_fit(house: House) -> None:
    asked = prompt(house, "", "book me in for tuesday")
    pieces = await written(house.model.write(asked))
    (call,) = [piece for piece in pieces if isinstance(piece, ToolCall)]
    assert call == ToolCall(name="book", arguments={"day": "tuesday"})
    Draft202012Validator(BOOK.parameters).validate(call.arguments)


async def test_a_model_with_nothing_to_say_ends_without_words(house: House) -> None:
    pieces = await written(house.model.write(prompt(house, " ")))
    assert text(pieces) == ""
    assert not any(isinstance(piece, ToolCall) for piece in pieces)


async def test_closing_a_reply_early_stops_the_model_and_leaves_the_next_whole(
    house: House,
) -> None:
    house.vendor.script = never_end
    reply = house.model.write(prompt(house, OPEN))
    assert isinstance(reply, AsyncGenerator)
    assert isinstance(await anext(reply), Delta)
    async with asyncio.timeout(5):
        await reply.aclose()
    assert await anext(reply, None) is None
    for answer in house.vendor.answers:
        await answer.gone()

    house.vendor.script = obey
    assert text(await written(house.model.write(prompt(house, CLOSED)))) == CLOSED


async def test_two_replies_written_at_once_do_not_mix(house: House) -> None:
    one = house.model.write(prompt(house, OPEN))
    other = house.model.write(prompt(house, CLOSED))
    pieces: tuple[list[Delta | ToolCall | Usage], ...] = ([], [])
    async with asyncio.timeout(5):
        async for piece in one:
            pieces[0].append(piece)
            pieces[1].append(await anext(other))
    pieces[1].extend(await written(other))
    assert [text(those) for those in pieces] == [OPEN, CLOSED]


@only_those_that_can_fail
async def test_the_hundred_and_first_caller_is_answered_while_the_others_are(
    house: House,
) -> None:
    house.vendor.script = never_end
    replies: list[Any] = [house.model.write(prompt(house, OPEN)) for _ in range(101)]
    async with asyncio.timeout(10):
        assert set(await asyncio.gather(*map(anext, replies))) == {Delta("We are open ")}
    await asyncio.gather(*(reply.aclose() for reply in replies))


@only_those_that_can_fail
@pytest.mark.parametrize("status", [400, 401, 429, 503])
async def test_a_refusal_is_a_model_error_without_the_callers_words(
    house: House, status: int
) -> None:
    house.vendor.refusal = Refusal(status, {"error": {"message": SAID, "code": SAID}})
    failed = await failure(house)
    assert failed.retryable == (status in (429, 503))


@only_those_that_can_fail
@pytest.mark.parametrize("script", [break_off, garble])
async def test_a_failure_amid_the_reply_is_a_model_error_without_the_callers_words(
    house: House, script: Callable[[Any], Awaitable[None]]
) -> None:
    house.vendor.script = script
    assert (await failure(house)).retryable


async def failure(house: House) -> ModelError:
    """Of a reply that fails; none of what was said is in what a log would show."""
    with pytest.raises(ModelError) as failed:
        await written(house.model.write(prompt(house, OPEN)))
    assert failed.value.provider == house.model.name
    assert SAID not in "".join(traceback.format_exception(failed.value))
    return failed.value
