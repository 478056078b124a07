"""What each vendor answers to who asks whether a key is good.

Sources: developers.deepgram.com/reference/manage/projects/list, console.groq.com/docs/api-reference
#models-list, elevenlabs.io/docs/api-reference/models/list, docs.cartesia.ai/api-reference/voices/
list, platform.openai.com/docs/api-reference/models/list, docs.sarvam.ai/api-reference-docs/text/
identify-language, github.com/ollama/ollama/blob/main/docs/api.md#list-local-models.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from vendors.serving import KEY, Refusal, serving

_KEYS: Mapping[tuple[str, str], tuple[str, str]] = {  # the header each wants
    ("GET", "/v1/projects"): ("Authorization", f"Token {KEY}"),
    ("GET", "/openai/v1/models"): ("Authorization", f"Bearer {KEY}"),
    ("GET", "/v1/models"): ("xi-api-key", KEY),
    ("GET", "/voices"): ("Authorization", f"Bearer {KEY}"),
    ("GET", "/models"): ("Authorization", f"Bearer {KEY}"),
    ("POST", "/text-lid"): ("api-subscription-key", KEY),
    ("GET", "/api/tags"): ("", ""),
    ("GET", "/"): ("", ""),
}


class Accounts:
    """All vendors at one address."""

    def __init__(self) -> None:
        self.url = ""
        self.refusal: Refusal | None = None  # of requests with the right key

    def routes(self) -> list[web.RouteDef]:
        return [web.route(method, path, self._answer) for method, path in _KEYS]

    async def _answer(self, request: web.Request) -> web.Response:
        header, value = _KEYS[request.method, request.path]
        if header and request.headers.get(header) != value:
            return web.json_response({"error": "about your key"}, status=401)
        if request.path == "/voices" and "Cartesia-Version" not in request.headers:
            return web.json_response({"error": "no version"}, status=400)
        return self.refusal.response() if self.refusal else web.json_response({})


@asynccontextmanager
async def accounts() -> AsyncIterator[Accounts]:
    """The vendors for one test."""
    served = Accounts()
    async with serving(*served.routes()) as address:
        served.url = f"http://{address}"
        yield served
