"""Callers of every manner against a small gateway that answers each turn: nobody is lost."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from loadtest.load.crowd import Group, Outcome, Task, run
from loadtest.load.scenario import Manner
from services.audio.frames import SILENT_FRAME

SECOND = base64.b64encode(bytes(8_000)).decode()
HELLO = base64.b64encode(bytes(800)).decode()
SILENCE = base64.b64encode(SILENT_FRAME).decode()


class Gateway:
    """Greets, and answers with a second of sound when speech ends or a key is pressed."""

    def __init__(self) -> None:
        self.url = ""
        self.echoed: list[str] = []
        self.stopped = 0

    async def ring(self, request: web.Request) -> web.Response:
        stream = f'<Stream url="{self.url}/twilio/media"/>'
        twiml = f'<Response><Connect action="{self.url}/twilio/voice">{stream}</Connect></Response>'
        return web.Response(text=twiml)

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        spoken, replies = False, 0
        async for received in socket:
            assert received.type is WSMsgType.TEXT
            said: dict[str, Any] = msgspec.json.decode(received.data)
            loud = said["event"] == "media" and said["media"]["payload"] != SILENCE
            if loud and not spoken:
                await socket.send_json({"event": "clear", "streamSid": said["streamSid"]})
            if said["event"] in ("start", "dtmf") or (spoken and not loud):
                replies += 1
                sid = said["streamSid"]
                sound = HELLO if said["event"] == "start" else SECOND
                media = {"event": "media", "streamSid": sid, "media": {"payload": sound}}
                await socket.send_json(media)
                mark = {"event": "mark", "streamSid": sid, "mark": {"name": f"{sid}{replies}"}}
                await socket.send_json(mark)
            self.echoed += [said["mark"]["name"]] if said["event"] == "mark" else []
            self.stopped += said["event"] == "stop"
            spoken = loud
        return socket


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    there = Gateway()
    app = web.Application()
    app.router.add_post("/twilio/voice", there.ring)
    app.router.add_get("/twilio/media", there.media)
    async with TestServer(app) as server:
        there.url = str(server.make_url("")).rstrip("/")
        yield there


async def call(gateway: Gateway, *, strange: Manner | None = None, **manner: Any) -> Outcome:
    """One call of one turn, and beside it perhaps a stranger's."""
    now_s = time.monotonic()

    def one(how: Manner) -> Group:
        return Group(manner=how, ring_at_s=(now_s,), until_s=(now_s + 1.5,))

    task = Task(
        ring_url=f"{gateway.url}/twilio/voice",
        seed=1,
        reply_ms=1_000,
        guests=one(Manner(speech_ms=200, pause_ms=20, **manner)),
        strangers=(one(strange),) if strange else (),
    )
    return await run(task)


async def test_each_manner_of_caller_is_answered_and_accounted_for(gateway: Gateway) -> None:
    """All at once, for each takes its two seconds."""
    polite, rude, cut_off, key, beside = await asyncio.gather(
        call(gateway),
        call(gateway, barge_in=1.0, barge_in_after_ms=100),
        call(gateway, lose_line_every=1),
        call(gateway, key_every=1),
        call(gateway, strange=Manner(starts=False)),
    )
    for outcome in (polite, rude, cut_off, key, beside):
        heard = outcome.heard
        assert (heard.calls, heard.lost, heard.cut_short, heard.doubled) == (1, 0, 0, 0)
        assert (heard.failed, heard.refused, heard.unheeded) == (0, 0, 0)
    assert (polite.heard.turns, len(polite.heard.waits)) == (1, 1)
    assert (rude.heard.turns, len(rude.heard.waits), len(rude.heard.barge_ins)) == (2, 2, 1)
    assert len(cut_off.heard.backs) == 1
    assert (len(key.heard.keys), len(key.heard.waits)) == (1, 0)
    assert (beside.strange.calls, beside.strange.turns) == (1, 0)
    assert gateway.stopped == 5
    assert len(gateway.echoed) == len(set(gateway.echoed)) >= 10
