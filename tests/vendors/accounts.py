"""What each vendor answers to who asks whether a key is good.

Sources: developers.deepgram.com/reference/manage/projects/list, console.groq.com/docs/api-reference
#models-list, elevenlabs.io/docs/api-reference/models/list, docs.cartesia.ai/api-reference/voices/
list, platform.openai.com/docs/api-reference/models/list, docs.sarvam.ai/api-reference-docs/text/
identify-language, github.com/ollama/ollama/blob/main/docs/api.md#list-local-models.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web
from vendors.serving import KEY, Refusal, serving


class _Asked(NamedTuple):
    """A vendor's address, and the header it wants."""

    method: str
    path: str
    header: str = ""
    value: str = ""


_ASKED: Mapping[str, _Asked] = {
    "deepgram": _Asked("GET", "/v1/projects", "Authorization", f"Token {KEY}"),
    "groq": _Asked("GET", "/openai/v1/models", "Authorization", f"Bearer {KEY}"),
    "elevenlabs": _Asked("GET", "/v1/models", "xi-api-key", KEY),
    "cartesia": _Asked("GET", "/voices", "Authorization", f"Bearer {KEY}"),
    "openai": _Asked("GET", "/models", "Authorization", f"Bearer {KEY}"),
    "sarvam": _Asked("POST", "/text-lid", "api-subscription-key", KEY),
    "ollama": _Asked("GET", "/api/tags"),
    "coqui": _Asked("GET", "/"),
}


class Accounts:
    """All vendors at one address, or each at its own."""

    def __init__(self) -> None:
        self.url = ""
        self.refusal: Refusal | None = None  # of requests with the right key

    def routes(self) -> list[web.RouteDef]:
        return [self.route(name) for name in _ASKED]

    def route(self, name: str, base: str = "") -> web.RouteDef:
        """One vendor's, `base` being part of its address."""
        asked = _ASKED[name]

        async def answer(request: web.Request) -> web.Response:
            if asked.header and request.headers.get(asked.header) != asked.value:
                return web.json_response({"error": "about your key"}, status=401)
            if name == "cartesia" and "Cartesia-Version" not in request.headers:
                return web.json_response({"error": "no version"}, status=400)
            return self.refusal.response() if self.refusal else web.json_response({})

        return web.route(asked.method, base + asked.path, answer)


@asynccontextmanager
async def accounts() -> AsyncIterator[Accounts]:
    """The vendors for one test."""
    served = Accounts()
    async with serving(*served.routes()) as address:
        served.url = f"http://{address}"
        yield served
