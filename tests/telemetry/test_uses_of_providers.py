"""Each use of a provider is a span and points of metrics, without a word of what was said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from told_telemetry import Told

from contracts.agent import Agent, Provider
from contracts.dialog import Voice
from infra.telemetry import about, names, use
from services.audio.frames import SILENT_FRAME
from services.cli.pricing import price_uses
from services.cli.settings import Settings
from services.dialog.provider import Capabilities, Delta, ModelError, Prompt, Spoken, Usage
from services.dialog.timed import TimedModel
from services.stt.providers.scripted import Scripted
from services.stt.timed import TimedEars
from services.tts.providers.tone import Tone
from services.tts.timed import TimedVoice

SECRET = "my number is four five six"


class Speaking:
    """A model that says a sentence, or fails."""

    name = "model"
    capabilities = Capabilities(streaming=True, tools=False)

    def __init__(self, failure: ModelError | None = None) -> None:
        self._failure = failure

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | Usage]:
        yield Delta("Your number ")
        if self._failure:
            raise self._failure
        yield Delta("is noted.")
        yield Usage(tokens_in=30, tokens_out=7)

    async def close(self) -> None: ...


def prompt() -> Prompt:
    return Prompt(
        agent=Agent(name="a", llm=Provider(provider="model", model="small")),
        system="",
        history=(Spoken(by="caller", text=SECRET),),
        intent="unknown",
        kind="unknown",
        slots={},
        passages=(),
        variables={},
        language="en",
    )


async def test_a_reply_is_told_with_its_call_its_tokens_and_its_first_word(told: Told) -> None:
    about("main", "call-1", "receptionist")
    async for _ in TimedModel(Speaking()).write(prompt()):
        pass
    (span,) = told.spans
    assert span.name == "chat small"
    attributes = dict(span.attributes or {})
    assert attributes.pop(names.FIRST_MS)
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "model",
        "gen_ai.request.model": "small",
        "gen_ai.conversation.id": "call-1",
        "gen_ai.agent.id": "receptionist",
        "partyline.tenant": "main",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 7,
    }
    points = told.points()
    assert len(points["gen_ai.client.operation.duration"]) == 1
    assert len(points["gen_ai.client.operation.time_to_first_chunk"]) == 1
    assert len(points["gen_ai.client.operation.time_per_output_chunk"]) == 1
    assert {p.attributes["gen_ai.token.type"] for p in points["gen_ai.client.token.usage"]} == {
        "input",
        "output",
    }


async def test_a_failure_is_told_by_its_kind_alone(told: Told) -> None:
    failing = TimedModel(Speaking(ModelError("model", "rate_limited", retryable=True)))
    with pytest.raises(ModelError):
        async for _ in failing.write(prompt()):
            pass
    (span,) = told.spans
    assert (span.attributes or {})["error.type"] == "rate_limited"
    assert not span.events
    assert SECRET not in span.to_json()


async def test_a_sentence_is_told_by_its_characters_and_its_sound(told: Told) -> None:
    async for _ in TimedVoice(Tone()).speak(SECRET, Voice()):
        pass
    (span,) = told.spans
    assert (span.attributes or {})["voice.characters"] == len(SECRET)
    assert (span.attributes or {})["voice.audio_ms"] == 60 * len(SECRET)
    assert SECRET not in span.to_json()
    assert told.points()["voice.client.characters"][0].value == len(SECRET)


async def test_a_turn_is_told_by_what_was_heard_of(told: Told) -> None:
    agent = Agent(name="a", stt=Provider(provider="scripted", options={"lines": [SECRET] * 2}))
    ear = await TimedEars(Scripted()).open(agent, "en")
    heard = ear.heard()
    for _ in range(2):
        for _ in range(10):
            ear.feed(SILENT_FRAME)
        ear.finish()
        assert (await anext(heard)).text == SECRET
    await ear.close()
    assert [(span.attributes or {})["voice.audio_ms"] for span in told.spans] == [200, 200]
    assert not any(SECRET in span.to_json() for span in told.spans)


async def test_a_voice_that_is_interrupted_ends_its_use(told: Told) -> None:
    sound = TimedVoice(Tone()).speak("Good morning.", Voice())
    await anext(sound)
    await sound.aclose()
    assert len(told.spans) == 1


def test_what_fails_in_an_unknown_way_is_told_by_its_class(told: Told) -> None:
    with pytest.raises(ZeroDivisionError), use("embeddings", "x"):
        _ = 1 / 0
    (span,) = told.spans
    assert (span.attributes or {})["error.type"] == "ZeroDivisionError"
    assert not span.events


def test_what_is_used_is_priced_by_the_configured_prices(told: Told, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        "[[price]]\nkind = 'llm'\nprovider = 'groq'\nunit = 'tokens_in'\n"
        "price = 0.5\nper = 1000\ncurrency = 'USD'\n"
        "[[price]]\nkind = 'llm'\nprovider = 'groq'\nmodel = 'small'\nunit = 'tokens_out'\n"
        "price = 2\nper = 1000\ncurrency = 'USD'\n"
    )
    price_uses(Settings(prices=str(prices)))
    with use("chat", "groq", "small") as timed:
        timed.tokens(3_000, 500)
    with use("chat", "nobody") as timed:
        timed.tokens(3_000, 500)
    points = told.points()["voice.client.cost"]
    assert {point.attributes["gen_ai.provider.name"] for point in points} == {"groq"}
    assert sum(point.value for point in points) == pytest.approx(2.5)
    assert {point.attributes["voice.currency"] for point in points} == {"USD"}
