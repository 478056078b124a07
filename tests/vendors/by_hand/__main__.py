"""Run the vendors until Ctrl-C: python -m vendors.by_hand."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from aiohttp import web
from vendors.by_hand.companies import BASES, WITHOUT_KEY, Company, companies
from vendors.by_hand.latency import INSTANT, PUBLISHED, Latency
from vendors.serving import KEY

from infra.stopping import until_signalled
from services.tts.providers.espeak import Espeak


async def run(latency: Latency, port: int, names: Sequence[str]) -> None:
    """Serve these companies, each at a port of its own from `port` on, until a signal comes."""
    espeak = Espeak()
    served = [each for each in companies(latency, espeak) if each.name in names or not names]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(espeak.close)
        origins = {}
        for place, company in enumerate(served):
            origins[company.name] = await _serve(stack, company, port and port + place)
        _tell(origins)
        with until_signalled():
            await asyncio.Event().wait()
    for company in served:
        for violation in company.violations():
            print(f"{company.name} would not have taken: {violation}", file=sys.stderr)


async def _serve(stack: AsyncExitStack, company: Company, port: int) -> str:
    app = web.Application(client_max_size=1 << 20)
    app.add_routes(company.routes())
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def _tell(origins: dict[str, str]) -> None:
    """A line for programs, and for people what to put into their environment."""
    environment = {}
    for name, origin in origins.items():
        environment[f"PARTYLINE_{name.upper()}_URL"] = origin + BASES.get(name, "")
        if name not in WITHOUT_KEY:
            environment[f"PARTYLINE_{name.upper()}_API_KEY"] = KEY
    if sys.stdout.isatty():
        print(*(f"export {name}={value}" for name, value in environment.items()), sep="\n")
        print("\nThe vendors listen. With these set, './just up' uses them; Ctrl-C ends this.")
    else:
        print(json.dumps(environment), flush=True)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m vendors.by_hand", description=__doc__)
    parser.add_argument("names", nargs="*", help="companies; left out: all")
    parser.add_argument("--port", type=int, default=9100, help="the first one's; 0: any free ones")
    parser.add_argument("--instant", action="store_true", help="no vendor's latency")
    given = parser.parse_args()
    latency = INSTANT if given.instant else PUBLISHED
    asyncio.run(run(latency, given.port, given.names))


if __name__ == "__main__":
    main()
