"""What a language model's adapter costs: python -m providers.measure_models, in tests/.

Each adapter runs against its vendor on loopback, which is a process of its own and answers at
once. The peer is aiohttp, which sends the same request and reads the same first token.

first_ms   from asking to the first words, median and 99th percentile of replies one by one
peer_ms    the same of the peer: what is above it, the adapter adds
token_us   CPU time of this process for each token of a reply
stream_kib resident memory for each reply that is under way
leave_ms   until a reply that is under way is let go of, its connection closed
"""

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import replace
from providers.prompts_of_models import prompt
from vendors.models import SERVED
from vendors.serving import KEY

from contracts.agent import Agent
from services.dialog.provider import LanguageModel

REPLIES, TOKENS, STREAMS = 200, 200, 200
ENDLESS = "Go on and on."
BRIEF, LONG = "Say a word.", "Say much."


def main(names: list[str], file: Path | None) -> None:
    measured = {name: measured_apart(name) for name in names}
    columns = list(next(iter(measured.values())))
    print(f"{'adapter':10}", *(f"{column:>12}" for column in columns))
    for name, figures in measured.items():
        print(f"{name:10}", *(f"{figures[column]:12.2f}" for column in columns))
    if file:
        file.write_text(json.dumps(measured, indent=2))


def measured_apart(name: str) -> dict[str, float]:
    """The figures of one adapter, in a process of its own: memory is given back to nobody."""
    command = [sys.executable, "-m", "providers.measure_models", "--only", name]
    figures = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return dict(json.loads(figures))


async def measure(name: str) -> dict[str, float]:
    """The figures of one adapter."""
    async with vendor_apart(name) as url:
        model = SERVED[name].model(KEY, url)
        await first_words(model, 20)  # imports, connections
        first = await first_words(model, REPLIES)
        peer = await peers_first_words(name, url)
        token_us = await cpu_of_tokens(model)
        stream_kib, leave_ms = await memory_of_streams(model)
        await model.close()
    return {
        "first_p50_ms": statistics.median(first),
        "first_p99_ms": statistics.quantiles(first, n=100)[98],
        "peer_p50_ms": statistics.median(peer),
        "peer_p99_ms": statistics.quantiles(peer, n=100)[98],
        "token_us": token_us,
        "stream_kib": stream_kib,
        "leave_ms": leave_ms,
    }


async def first_words(model: LanguageModel, replies: int) -> list[float]:
    """Milliseconds to the first words of each reply; the rest is read, too."""
    took_ms = []
    for _ in range(replies):
        reply: Any = model.write(asked(BRIEF))
        async with aclosing(reply) as pieces:
            start = time.perf_counter()
            await anext(pieces)
            took_ms.append((time.perf_counter() - start) * 1_000)
            async for _ in pieces:
                pass
    return took_ms


async def peers_first_words(name: str, url: str) -> list[float]:
    """Milliseconds to the first bytes of the answer to the request that the adapter sends."""
    path = "/api/chat" if name == "ollama" else "/v1/chat/completions"
    origin = url.removesuffix("/v1") + ("/openai" if name == "groq" else "")
    messages = [{"role": "system", "content": BRIEF}, {"role": "user", "content": "Hello."}]
    body = {"model": MODELS[name], "messages": messages, "stream": True}
    took_ms = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        for _ in range(REPLIES):
            start = time.perf_counter()
            async with session.post(origin + path, json=body) as answer:
                await answer.content.readany()
                took_ms.append((time.perf_counter() - start) * 1_000)
                await answer.read()
    return took_ms


MODELS = {
    "groq": "llama-3.3-70b-versatile",
    "openai": "gpt-5.4-mini",
    "sarvam": "sarvam-105b-conversations",
    "ollama": "llama3.2",
}


async def cpu_of_tokens(model: LanguageModel) -> float:
    """Microseconds of this process for a token, over replies of many."""
    start = time.process_time()
    for _ in range(20):
        async for _ in model.write(asked(LONG)):
            pass
    return (time.process_time() - start) * 1e6 / (20 * TOKENS)


async def memory_of_streams(model: LanguageModel) -> tuple[float, float]:
    """KiB for a reply under way, and milliseconds until one is let go of (median)."""
    gc.collect()
    before = resident_kib()
    replies: list[Any] = [model.write(asked(ENDLESS)) for _ in range(STREAMS)]
    for reply in replies:
        await anext(reply)
    each = (resident_kib() - before) / STREAMS
    leave_ms = []
    for reply in replies:
        start = time.perf_counter()
        await reply.aclose()
        leave_ms.append((time.perf_counter() - start) * 1_000)
    return each, statistics.median(leave_ms)


def asked(system: str) -> Any:
    return replace(prompt(Agent(name="clinic")), system=system)


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


@asynccontextmanager
async def vendor_apart(name: str) -> AsyncIterator[str]:
    """The address of the vendor, a process of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "providers.measure_models", "--serve", name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield (await child.stdout.readline()).decode().strip()
    finally:
        child.stdin.close()
        await child.wait()


async def serve(name: str) -> None:
    """Be the vendor until standard input ends."""
    async with SERVED[name].serve() as vendor:
        vendor.script = script
        print(vendor.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def script(answer: Any) -> None:
    system = answer.body["messages"][0]["content"]
    for _ in range(TOKENS if system == LONG else 1):
        await answer.text("word ")
    if system == ENDLESS:
        await asyncio.Event().wait()
    await answer.finish()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=sorted(SERVED))
    arguments.add_argument("--json", type=Path, help="file for the figures")
    arguments.add_argument("--only", metavar="NAME", help=argparse.SUPPRESS)
    arguments.add_argument("--serve", metavar="NAME", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve))
    elif given.only:
        print(json.dumps(asyncio.run(measure(given.only))))
    else:
        main(given.names, given.json)
