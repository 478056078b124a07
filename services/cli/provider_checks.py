"""Whether each configured provider answers: one request each that costs nothing, or next to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from infra.outside import Keys
from services.cli.finding import Finding, Verdict
from services.cli.settings import Settings, variable

_WAIT_S: Final = 5.0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a vendor. `path` follows the vendor's origin, or the address that is set."""

    origin: str
    path: str
    headers: Callable[[str], Mapping[str, str]]  # made of the key
    body: dict[str, Any] | None = None  # then it is a POST
    account: str = ""  # where keys are made


def _bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


# Each reads what any key may read; Sarvam has nothing of that kind: it names a word's language.
_REQUESTS: Final[Mapping[str, Request]] = {
    "deepgram": Request(  # developers.deepgram.com/reference/manage/projects/list
        origin="https://api.deepgram.com",
        path="/v1/projects",
        headers=lambda key: {"Authorization": f"Token {key}"},
        account="console.deepgram.com",
    ),
    "groq": Request(  # console.groq.com/docs/api-reference#models-list
        origin="https://api.groq.com",
        path="/openai/v1/models",
        headers=_bearer,
        account="console.groq.com/keys",
    ),
    "elevenlabs": Request(  # elevenlabs.io/docs/api-reference/models/list
        origin="https://api.elevenlabs.io",
        path="/v1/models",
        headers=lambda key: {"xi-api-key": key},
        account="elevenlabs.io/app/settings/api-keys",
    ),
    "cartesia": Request(  # docs.cartesia.ai/api-reference/voices/list
        origin="https://api.cartesia.ai",
        path="/voices?limit=1",
        headers=lambda key: {**_bearer(key), "Cartesia-Version": "2026-08-14"},
        account="play.cartesia.ai/keys",
    ),
    "openai": Request(  # platform.openai.com/docs/api-reference/models/list
        origin="https://api.openai.com/v1",
        path="/models",
        headers=_bearer,
        account="platform.openai.com/api-keys",
    ),
    "sarvam": Request(  # docs.sarvam.ai/api-reference-docs/text/identify-language
        origin="https://api.sarvam.ai",
        path="/text-lid",
        headers=lambda key: {"api-subscription-key": key},
        body={"input": "hello"},
        account="dashboard.sarvam.ai",
    ),
    "ollama": Request(  # github.com/ollama/ollama/blob/main/docs/api.md#list-local-models
        origin="", path="/api/tags", headers=lambda _: {}
    ),
    "coqui": Request(origin="", path="/", headers=lambda _: {}),
}
_FOLDERS: Final = ("piper_voices", "whisper_model", "fastembed_model")


async def check_providers(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each provider: what it said, or what to set to use it."""
    keys = settings.provider_keys()
    configured = [name for name in _REQUESTS if _is_set(name, keys)]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WAIT_S)) as http:
        for finding in await asyncio.gather(*(_ask(http, name, keys) for name in configured)):
            yield finding
    for name in _FOLDERS:
        if folder := keys.get(name):
            yield _folder(name, Path(folder))
    if off := [name for name in _REQUESTS if name not in configured]:
        yield _off(off)


def _is_set(name: str, keys: Keys) -> bool:
    return f"{name}_api_key" in keys or (not _REQUESTS[name].origin and f"{name}_url" in keys)


async def _ask(http: aiohttp.ClientSession, name: str, keys: Keys) -> Finding:
    request = _REQUESTS[name]
    address = (keys.get(f"{name}_url") or request.origin).rstrip("/") + request.path
    if "://" not in address:
        address = f"http://{address}"
    method = "GET" if request.body is None else "POST"
    headers = request.headers(keys.get(f"{name}_api_key", ""))
    try:
        # A redirect would take the key to whatever host it names.
        async with http.request(
            method, address, headers=headers, json=request.body, allow_redirects=False
        ) as answer:
            return _said(name, answer.status)
    except (TimeoutError, aiohttp.ClientError, ValueError) as failed:  # ValueError: no address
        remedy = f"Check the network, and {variable(f'{name}_url')} if you have set it."
        says = f"does not answer: {type(failed).__name__}"
        return Finding(what=name, verdict="fails", says=says, remedy=remedy)


def _said(name: str, status: int) -> Finding:
    account = _REQUESTS[name].account
    key = variable(f"{name}_api_key")
    verdict: Verdict = "fails"
    match status:
        case 401 | 403:
            says, remedy = "the key is rejected", f"Make another at {account} and set {key}."
        case 402 | 429:
            says, remedy = "the quota is used up, or too much is asked", f"See {account}."
        case _ if status >= 500:
            says, remedy = f"is out of order (status {status})", "Wait, or name a fallback."
        case _ if status >= 300:
            says = f"refuses the request (status {status})"
            remedy = f"Check {variable(f'{name}_url')}: it is the origin of the vendor's API."
        case _:
            verdict, says, remedy = "ok", "answers", ""
    return Finding(what=name, verdict=verdict, says=says, remedy=remedy)


def _folder(name: str, folder: Path) -> Finding:
    if folder.is_dir():
        return Finding(what=name.replace("_", " "), verdict="ok", says=str(folder))
    remedy = f"Point {variable(name)} to the folder, or leave it out."
    return Finding(what=name.replace("_", " "), verdict="fails", says="no folder", remedy=remedy)


def _off(names: list[str]) -> Finding:
    needed = [f"{name}_{'api_key' if _REQUESTS[name].origin else 'url'}" for name in names]
    return Finding(
        what="other providers",
        verdict="note",
        says=f"not set: {', '.join(names)}",
        remedy=f"Set {', '.join(map(variable, needed))} to use them; the embedded need none.",
    )
