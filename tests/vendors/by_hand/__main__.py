"""Run the vendors until Ctrl-C: python -m vendors.by_hand."""

import argparse
import asyncio
import json
import sys
from typing import Any, NamedTuple

from aiohttp import web
from vendors.by_hand import deepgram, talking, turns
from vendors.by_hand.hearing import known
from vendors.by_hand.latency import INSTANT, PUBLISHED, Latency
from vendors.cartesia import InkServer
from vendors.cartesia_voice import CartesiaVoiceServer
from vendors.deepgram import DeepgramServer
from vendors.deepgram_flux import FluxServer
from vendors.deepgram_voice import DeepgramVoiceServer
from vendors.elevenlabs import ElevenLabsServer
from vendors.elevenlabs_socket import ElevenLabsSocketServer
from vendors.groq import GroqServer
from vendors.serving import KEY
from vendors.strict import Vendor
from vendors.voice_sockets import Script, VoiceVendor

from infra.stopping import until_signalled
from services.tts.providers.espeak import Espeak


class Service(NamedTuple):
    """A vendor's server, and where it is found."""

    server: Vendor[Any]
    method: str
    path: str


def _services(latency: Latency, espeak: Espeak) -> dict[str, list[Service]]:
    """By the vendor whose key they want."""
    nova, flux, ink = DeepgramServer(), FluxServer(), InkServer()
    minds, voices = GroqServer(), ElevenLabsServer()
    heard = known()
    nova.script = deepgram.nova(heard, latency)
    flux.script = turns.flux(heard, latency)
    ink.script = turns.ink(heard, latency)
    minds.script = talking.chat(latency)
    voices.script = talking.voice(latency, espeak)
    spoken = talking.voice_on_a_socket(latency, espeak)
    return {
        "deepgram": [
            Service(nova, "GET", nova.path),
            Service(flux, "GET", flux.path),
            _voice(DeepgramVoiceServer(), spoken),
        ],
        "cartesia": [Service(ink, "GET", ink.path), _voice(CartesiaVoiceServer(), spoken)],
        "groq": [Service(minds, "POST", "/openai/v1/chat/completions")],
        "elevenlabs": [
            Service(voices, "POST", "/v1/text-to-speech/{voice}/stream"),
            _voice(ElevenLabsSocketServer(), spoken),
        ],
    }


def _voice(server: VoiceVendor, script: Script) -> Service:
    server.script = script
    return Service(server, "GET", server.path)


async def run(latency: Latency, port: int) -> None:
    """Serve all vendors at one address until a signal comes."""
    espeak = Espeak()
    vendors = _services(latency, espeak)
    served = [service for services in vendors.values() for service in services]
    app = web.Application(client_max_size=1 << 20)
    app.add_routes([web.route(s.method, s.path, s.server.answer) for s in served])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        _tell(runner.addresses[0][1], list(vendors))
        with until_signalled():
            await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        await espeak.close()
        for service in served:
            for violation in service.server.violations:
                print(f"{service.path} would not have taken: {violation}", file=sys.stderr)


def _tell(port: int, names: list[str]) -> None:
    """A line for programs, and for people what to put into their environment."""
    origin = f"http://127.0.0.1:{port}"
    environment = {f"PARTYLINE_{name.upper()}_URL": origin for name in names}
    environment |= {f"PARTYLINE_{name.upper()}_API_KEY": KEY for name in names}
    if sys.stdout.isatty():
        print(*(f"export {name}={value}" for name, value in environment.items()), sep="\n")
        print("\nThe vendors listen. With these set, './just up' uses them; Ctrl-C ends this.")
    else:
        print(json.dumps(environment), flush=True)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m vendors.by_hand", description=__doc__)
    parser.add_argument("--port", type=int, default=9100, help="0: any free one")
    parser.add_argument("--instant", action="store_true", help="no vendor's latency")
    given = parser.parse_args()
    asyncio.run(run(INSTANT if given.instant else PUBLISHED, given.port))


if __name__ == "__main__":
    main()
