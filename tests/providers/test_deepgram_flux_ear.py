"""Deepgram's Flux through its own SDK, against a server that speaks its protocol."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from ears import hear, hear_next, speak, told
from vendors.deepgram_flux import FluxLine, FluxServer

from contracts.agent import Agent, Provider
from services.audio.frames import SILENT_FRAME
from services.stt.provider import RecognitionFailed
from services.stt.providers.deepgram_flux import DeepgramFlux
from services.stt.providers.socket_ear import SocketEar

AGENT = Agent(name="clinic")
WORDS = "my number is four five six"


def agent(model: str = "", **options: object) -> Agent:
    return Agent(
        name="clinic", stt=Provider(provider="deepgram-flux", model=model, options=options)
    )


EARLY = agent(eager_eot_threshold=0.4)


@asynccontextmanager
async def listening(
    server: FluxServer, agent: Agent = AGENT, language: str = "en-GB", **waits_ms: int
) -> AsyncIterator[SocketEar]:
    flux = DeepgramFlux(server.key, server.url, **waits_ms)
    ear = await flux.open(agent, language)
    try:
        yield ear
    finally:
        await ear.close()
        await flux.close()


async def test_a_turn_is_drafted_as_it_grows_and_final_when_the_vendor_ends_it(
    flux_server: FluxServer,
) -> None:
    async def script(line: FluxLine) -> None:
        await line.update("")  # nobody speaks yet
        await line.start("I")
        await line.update("I would like")
        await line.update("I would like")
        await line.end("I would like an appointment.")
        await line.update("")

    flux_server.script = script
    async with listening(flux_server) as ear:
        speak(ear)
        heard = await hear(ear)
    assert told(heard) == [
        ("I", "draft"),
        ("I would like", "draft"),
        ("I would like an appointment.", "final"),
    ]
    assert heard[-1].confidence == pytest.approx(0.9)
    assert flux_server.lines[0].controls == ["CloseStream"]


async def test_a_likely_end_is_told_taken_back_and_told_again(flux_server: FluxServer) -> None:
    async def script(line: FluxLine) -> None:
        await line.start("I want to cancel")
        await line.eager("I want to cancel")
        await line.resume("I want to cancel my")
        await line.update("I want to cancel my subscription")
        await line.eager("I want to cancel my subscription please.")
        await line.update("I want to cancel my subscription please.")  # changes nothing
        await line.end("I want to cancel my subscription please.")

    flux_server.script = script
    async with listening(flux_server, EARLY) as ear:
        heard = await hear(ear)
    assert told(heard) == [
        ("I want to cancel", "draft"),
        ("I want to cancel", "eager"),
        ("I want to cancel", "draft"),
        ("I want to cancel my", "draft"),
        ("I want to cancel my subscription", "draft"),
        ("I want to cancel my subscription please.", "eager"),
        ("I want to cancel my subscription please.", "final"),
    ]


async def test_likely_ends_are_not_asked_for_unless_the_agent_wants_them(
    flux_server: FluxServer,
) -> None:
    async with listening(flux_server), listening(flux_server, EARLY):
        plain, early = (line.query for line in flux_server.lines)
    assert "eager_eot_threshold" not in plain
    assert early["eager_eot_threshold"] == "0.4"


async def test_the_request_asks_for_telephone_audio_and_takes_the_agents_options(
    flux_server: FluxServer,
) -> None:
    wanted = agent(eot_threshold=0.8, eot_timeout_ms=3_000, keyterm=["Ostermann", "dry socket"])
    async with listening(flux_server, wanted):
        query = flux_server.lines[0].query
    assert query.getall("keyterm") == ["Ostermann", "dry socket"]
    assert {name: query[name] for name in query if name != "keyterm"} == {
        "model": "flux-general-en",
        "encoding": "mulaw",
        "sample_rate": "8000",
        "eot_threshold": "0.8",
        "eot_timeout_ms": "3000",
    }


@pytest.mark.parametrize(
    ("model", "language", "asked", "hints"),
    [
        ("", "en-US", "flux-general-en", []),
        ("", "", "flux-general-en", []),
        ("", "pt-BR", "flux-general-multi", ["pt-BR"]),
        ("flux-general-multi", "en-US", "flux-general-multi", ["en-US"]),
        ("flux-general-multi", "", "flux-general-multi", []),
    ],
)
async def test_the_model_is_the_agents_or_else_the_one_for_its_language(
    flux_server: FluxServer, model: str, language: str, asked: str, hints: list[str]
) -> None:
    async with listening(flux_server, agent(model), language):
        query = flux_server.lines[0].query
    assert query["model"] == asked
    assert query.getall("language_hint", []) == hints


async def test_frames_travel_in_order_four_to_a_message(flux_server: FluxServer) -> None:
    async with listening(flux_server) as ear:
        frames = [bytes([number]) * 160 for number in range(1, 25)]
        for frame in frames:
            ear.feed(frame)
        line = flux_server.lines[0]
        await line.heard(len(frames) * 160)
    assert bytes(line.audio) == b"".join(frames)
    assert line.messages_bytes == [640] * 6


async def test_finish_sends_all_audio_and_then_ends_the_turn(flux_server: FluxServer) -> None:
    async def script(line: FluxLine) -> None:
        await line.start("Yes")
        await line.told("ForceEndTurn")
        assert line.forced_bytes == [6 * 160]
        await line.end("Yes please", trigger="manual")

    flux_server.script = script
    async with listening(flux_server) as ear:
        speak(ear, frames=6)
        ear.finish()
        assert told(await hear(ear)) == [("Yes", "draft"), ("Yes please", "final")]


async def test_finish_outside_of_a_turn_is_answered_with_nothing_understood(
    flux_server: FluxServer,
) -> None:
    async with listening(flux_server, final_ms=50) as ear:
        ear.finish()
        assert told(await hear(ear)) == [("", "final")]


async def test_what_a_vendor_adds_to_a_turn_given_up_is_told_without_what_was_told(
    flux_server: FluxServer,
) -> None:
    async def script(line: FluxLine) -> None:
        await line.start("Are you")
        await line.told("ForceEndTurn", times=2)
        await line.update("Are you")
        await line.update("Are you open")
        await line.end("Are you open")

    flux_server.script = script
    async with listening(flux_server, final_ms=1_000) as ear:
        assert told([await hear_next(ear)]) == [("Are you", "draft")]
        ear.finish()
        assert told(await hear(ear)) == [("Are you", "final")]
        ear.finish()
        assert told(await hear(ear))[-1] == ("open", "final")


async def test_a_turn_without_words_is_none(flux_server: FluxServer) -> None:
    async def script(line: FluxLine) -> None:
        await line.start("")
        await line.end("")
        await line.start("Hello")
        await line.end("Hello")

    flux_server.script = script
    async with listening(flux_server) as ear:
        assert told(await hear(ear)) == [("Hello", "draft"), ("Hello", "final")]


async def test_the_language_is_told_where_the_vendor_detects_it(flux_server: FluxServer) -> None:
    async def script(line: FluxLine) -> None:
        await line.turn("StartOfTurn", "Guten Tag", languages=["de", "en"])
        await line.turn("EndOfTurn", "Guten Tag", languages=["de", "en"], trigger="model")

    flux_server.script = script
    async with listening(flux_server, language="de-DE") as ear:
        assert (await hear(ear))[-1].language == "de"


async def test_a_silent_line_is_kept_open_with_a_little_silence(flux_server: FluxServer) -> None:
    async with listening(flux_server, keep_alive_ms=20):
        line = flux_server.lines[0]
        await line.heard(3 * 640)
    assert set(line.audio) == set(SILENT_FRAME)
    assert line.controls == ["CloseStream"]


async def test_messages_of_other_and_unknown_types_are_passed_over(
    flux_server: FluxServer,
) -> None:
    async def script(line: FluxLine) -> None:
        await line.tell("Warning", code="SOMETHING", description=WORDS)
        await line.tell("ConfigureSuccess", thresholds={})
        await line.tell("SomethingNew", transcript=WORDS)
        await line.start("Hello")
        await line.end("Hello", trigger="a_new_trigger")

    flux_server.script = script
    async with listening(flux_server) as ear:
        assert told(await hear(ear)) == [("Hello", "draft"), ("Hello", "final")]


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("INTERNAL_SERVER_ERROR", "unavailable", True),
        ("NET-0001", "unavailable", True),
        ("UNPARSABLE_CLIENT_MESSAGE", "refused", False),
    ],
)
async def test_an_error_message_says_whether_a_fresh_ear_helps(
    flux_server: FluxServer, code: str, kind: str, retryable: bool
) -> None:
    async def script(line: FluxLine) -> None:
        await line.tell("Error", code=code, description=WORDS)
        await line.close(1011, WORDS)

    flux_server.script = script
    async with listening(flux_server) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
    assert str(failed.value) == f"deepgram-flux: {kind}"
    assert failed.value.retryable is retryable


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    flux_server: FluxServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(line: FluxLine) -> None:
        await line.start(WORDS)
        await line.end(WORDS)

    flux_server.script = script
    async with listening(flux_server) as ear:
        assert (await hear(ear))[-1].text == WORDS
    assert "five six" not in caplog.text
    assert flux_server.key not in caplog.text
