"""partyline report: what the calls of some days came to."""

from datetime import date

import asyncpg
import msgspec

from infra.postgres import connect_pool
from projections.views.read import figures, newest_day
from services.cli.places import find
from services.cli.report_page import print_page
from services.cli.settings import Settings
from services.cli.terminal import fail, out


class BadDay(Exception):
    """Not a day. Says what one looks like."""


def day_of(given: str | None) -> date | None:
    """Raises BadDay."""
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise BadDay(f"{given!r} is no day: it is written like 2026-03-31.") from None


async def report(
    settings: Settings, last: date | None, days: int, agent: str | None, as_json: bool
) -> None:
    """Print the figures of `days` up to `last`; None: up to the newest day with calls."""
    pool = await connect_pool(find(settings, "postgres").postgres, size=1)
    try:
        async with pool.acquire() as db, db.transaction(isolation="repeatable_read", readonly=True):
            of_agent = f" of agent {agent}" if agent else ""
            last = last or await newest_day(db, settings.tenant, agent)
            if last is None:
                fail(
                    f"There are no calls{of_agent} yet. Place one: partyline call --audio FILE.wav"
                )
            found = await figures(db, settings.tenant, last, days, agent)
            newest = await newest_day(db, settings.tenant, agent)
    except asyncpg.UndefinedTableError:
        fail("The views are not there yet: the projections make them. Start 'partyline up'.")
    finally:
        await pool.close()
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False, soft_wrap=True)
    elif found.total.calls:
        print_page(found)
    else:
        newer = f" The newest are of {newest}." if newest else ""
        out.print(f"No calls{of_agent} on {found.first} to {found.last} (UTC).{newer}")
