"""partyline analysts: who may read the views for analysts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from rich.box import SIMPLE
from rich.table import Table

from infra.postgres import AWAY, Pool, connect_pool
from infra.scram import BadPassword
from projections.views import analysts
from projections.views.analysts import Refused, new_password
from services.cli.places import find
from services.cli.settings import Settings
from services.cli.terminal import fail, out

_LEAST_CHARACTERS: Final = 12


async def add(settings: Settings, name: str, password_file: Path | None) -> None:
    """Make the login, for the tenant of the settings, and print how to use it."""
    password = _read(password_file) if password_file else new_password()
    async with _owner(settings) as pool:
        await analysts.add(pool, name, settings.tenant, password)
    out.print(f"{name} reads the views of tenant {settings.tenant}:", markup=False)
    address = _address(find(settings, "postgres").postgres, name)
    out.print(f"  psql '{address}'", markup=False, soft_wrap=True)
    if password_file is None:
        out.print(f"Password, shown this once: {password}", markup=False, soft_wrap=True)


async def show(settings: Settings, as_json: bool) -> None:
    """Print all of them."""
    async with _owner(settings) as pool:
        found = await analysts.all_of(pool)
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False, soft_wrap=True)
        return
    table = Table(box=SIMPLE, padding=(0, 1))
    for title in ("analyst", "tenant", "since"):
        table.add_column(title)
    for each in found:
        table.add_row(each.role, each.tenant, f"{each.added_at:%Y-%m-%d %H:%M}")
    out.print(table if found else "No analysts yet. Add one: partyline analysts add NAME")


async def remove(settings: Settings, name: str) -> None:
    """Drop the login."""
    async with _owner(settings) as pool:
        await analysts.remove(pool, name)
    out.print(f"{name} reads nothing any more.", markup=False)


@asynccontextmanager
async def _owner(settings: Settings) -> AsyncIterator[Pool]:
    """The tables' owner. What can be mended is said in a sentence."""
    pool = await connect_pool(find(settings, "postgres").postgres, size=2)
    try:
        yield pool
    except (Refused, BadPassword) as wrong:
        fail(str(wrong))
    except AWAY as away:
        fail(f"PostgreSQL went away: {type(away).__name__}. Look with 'partyline analysts list'.")
    finally:
        await pool.close()


def _address(owners: str, name: str) -> str:
    """The same database, for the analyst, without anybody's password."""
    parts = urlsplit(owners)
    return urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))


def _read(file: Path) -> str:
    password = file.read_text("utf-8").partition("\n")[0].strip()
    if len(password) < _LEAST_CHARACTERS:
        fail(f"{file}: a password has {_LEAST_CHARACTERS} characters at least, in its first line.")
    return password
