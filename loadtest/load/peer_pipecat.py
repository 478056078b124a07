"""A peer: pipecat behind Twilio Media Streams, in an environment of its own.

    python peer_pipecat.py FILE SENTENCES

As its documentation has it (https://docs.pipecat.ai/guides/telephony/twilio-websockets): FastAPI, a
TwilioFrameSerializer, a pipeline a call. Recogniser, model and voice are in this process and cost
no time; the voice activity detector is the root mean square of 20 ms, in the loop, so that what is
measured is the framework. Turns end by SpeechTimeoutUserTurnStopStrategy(0.6) after a VAD stop of
0.2 s. Writes its address to FILE when it listens.
"""
# It runs where the library is installed, and is checked where it is not.
# mypy: disable-error-code="import-not-found,misc,no-any-return,untyped-decorator,unused-ignore"
# mypy: allow-untyped-calls

import asyncio
import math
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Response, WebSocket
from loguru import logger
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams, VADState
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

RATE_HZ = 8_000
MS_PER_CHARACTER = 60  # as our own voice without latency speaks
LOUD_RMS = 300
PIECE_BYTES = RATE_HZ  # half a second of 16-bit samples
FILE, SENTENCES = sys.argv[1:]

_second = 8_000 * np.sin(2 * math.pi * 400 / RATE_HZ * np.arange(RATE_HZ))
TONE = np.rint(_second).astype("<i2").tobytes() * 60
app = FastAPI()
tasks: set[asyncio.Task[None]] = set()
address = ""


class EnergyVad(VADAnalyzer):
    """20 ms that are loud, or not; without a thread, a model and a measure of loudness."""

    def num_frames_required(self) -> int:
        return RATE_HZ // 50

    def voice_confidence(self, buffer: bytes) -> float:
        samples = np.frombuffer(buffer, "<i2").astype(np.float32)
        return 1.0 if math.sqrt(float(samples @ samples) / len(samples)) > LOUD_RMS else 0.0

    def _get_smoothed_volume(self, audio: bytes) -> float:
        return 1.0

    async def analyze_audio(self, buffer: bytes) -> VADState:
        return self._run_analyzer(buffer)


class Recogniser(STTService):
    """Gives a final transcript when the speech ends."""

    def __init__(self) -> None:
        super().__init__(settings=STTSettings(model=None, language=None), ttfs_p99_latency=0.0)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            said = TranscriptionFrame("tell me more please", "", time_now_iso8601())
            said.finalized = True
            await self.push_frame(said)


class Model(LLMService):
    """Says the same words each time."""

    def __init__(self) -> None:
        unset = dict.fromkeys(
            (
                *("model", "system_instruction", "temperature", "max_tokens", "top_p", "top_k"),
                *("frequency_penalty", "presence_penalty", "seed"),
                *("filter_incomplete_user_turns", "user_turn_completion_config"),
            )
        )
        super().__init__(settings=LLMSettings(**unset))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            return await self.push_frame(frame, direction)
        await self.push_frame(LLMFullResponseStartFrame())
        for word in SENTENCES.split(" "):
            await self.push_frame(LLMTextFrame(f"{word} "))
        await self.push_frame(LLMFullResponseEndFrame())


class Voice(TTSService):
    """A tone as long as the sentence."""

    def __init__(self) -> None:
        unset = TTSSettings(model=None, voice=None, language=None)
        super().__init__(settings=unset, sample_rate=RATE_HZ, push_start_frame=True)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        sound = TONE[: max(1, len(text.strip())) * MS_PER_CHARACTER * RATE_HZ // 1000 * 2]
        for begin in range(0, len(sound), PIECE_BYTES):
            piece = sound[begin : begin + PIECE_BYTES]
            yield TTSAudioRawFrame(piece, RATE_HZ, 1, context_id=context_id)


@app.post("/twilio/voice")
async def voice() -> Response:
    """TwiML that connects the caller."""
    url = address.replace("http", "ws") + "/twilio/media"
    twiml = f'<Response><Connect><Stream url="{url}"/></Connect></Response>'
    return Response(twiml, media_type="text/xml")


@app.websocket("/twilio/media")
async def media(websocket: WebSocket) -> None:
    """A call."""
    await websocket.accept()
    _, call = await parse_telephony_websocket(websocket)
    serializer = TwilioFrameSerializer(
        stream_sid=call["stream_id"],
        call_sid=call["call_id"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            add_wav_header=False,
            serializer=serializer,
        ),
    )
    await _talk(transport)


async def _talk(transport: FastAPIWebsocketTransport) -> None:
    strategies = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()])
    pair = LLMContextAggregatorPair(
        LLMContext(),
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=strategies, vad_analyzer=EnergyVad(params=VADParams())
        ),
    )
    pipeline = Pipeline(
        [
            *(transport.input(), Recogniser(), pair.user(), Model(), Voice()),
            *(transport.output(), pair.assistant()),
        ]
    )
    params = PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ)
    worker = PipelineWorker(pipeline, params=params)

    @transport.event_handler("on_client_connected")
    async def _greet(*_: Any) -> None:
        await worker.queue_frames([TTSSpeakFrame("Hello.")])

    @transport.event_handler("on_client_disconnected")
    async def _end(*_: Any) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def _note() -> None:
    Path(FILE).write_text(address)


async def main() -> None:
    """The program."""
    global address
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    _note()  # the socket listens already: who connects now is served as soon as uvicorn is up
    await serving


if __name__ == "__main__":
    asyncio.run(main())
