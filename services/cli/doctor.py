"""partyline doctor: what is there, what is missing, and what to do about it."""

import importlib.util
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import msgspec

from contracts.journal import JournalUnavailable
from contracts.seal import Locked
from infra.embedded import running
from infra.master_key import MAKE, BadMasterKey
from infra.nats import BusUnavailable, connect
from infra.nats_server import assert_durable
from infra.postgres import Pool, PostgresUnavailable, connect_pool
from projections.parking import all_parked
from projections.standing import unheard_s
from services.audio.silero import NoSilero, model_file
from services.cli.finding import Finding
from services.cli.places import NothingRuns, Places, find
from services.cli.provider_checks import check_providers
from services.cli.sealing import vault_of
from services.cli.settings import Settings, variable
from services.cli.terminal import out
from services.cli.up import GATEWAY_URL

_DISK_GIB: Final = 2
_CANARIES_MISSED: Final = 3
_CANARY_WAY_S: Final = 5


async def doctor(settings: Settings, as_json: bool) -> int:
    """Print all findings; 1 when one of them stops Partyline from working."""
    findings = [finding async for finding in examine(settings)]
    if as_json:
        out.out(msgspec.json.encode(findings).decode())
    else:
        _print(findings)
    return 1 if any(finding.verdict == "fails" for finding in findings) else 0


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at the machine first, then at what runs."""
    yield _python()
    yield _recogniser()
    yield _voice()
    yield _detector(settings)
    yield _disk(settings.data)
    yield _port(settings)
    yield _twilio(settings)
    async for finding in check_providers(settings):
        yield finding
    async for finding in _servers(settings):
        yield finding


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    remedy = "" if good else "Install Python 3.11 or newer."
    return Finding(what="Python", verdict="ok" if good else "fails", says=version, remedy=remedy)


def _recogniser() -> Finding:
    if importlib.util.find_spec("pocketsphinx"):
        return Finding(what="embedded recogniser", verdict="ok", says="pocketsphinx")
    return Finding(
        what="embedded recogniser",
        verdict="note",
        says="pocketsphinx has no build for this Python",
        remedy="Use Python 3.11 or 3.13, or an agent with another stt provider.",
    )


def _voice() -> Finding:
    flite = shutil.which("flite")
    says = f"flite ({flite})" if flite else "espeak-ng, built in"
    remedy = "" if flite else "Install flite for a better embedded voice."
    return Finding(what="embedded voice", verdict="ok", says=says, remedy=remedy)


def _detector(settings: Settings) -> Finding:
    what = "voice activity"
    if settings.detector == "energy":
        return Finding(what=what, verdict="ok", says="by energy")
    try:
        model_file()
    except NoSilero as missing:
        says, _, remedy = str(missing).partition(": ")
        return Finding(what=what, verdict="fails", says=says, remedy=f"{remedy}.")
    return Finding(what=what, verdict="ok", says="by energy and Silero")


def _disk(data: Path) -> Finding:
    there = next(folder for folder in (data, *data.absolute().parents) if folder.exists())
    free_gib = shutil.disk_usage(there).free / 2**30
    good = free_gib >= _DISK_GIB
    remedy = "" if good else f"Free some space, or choose another folder with --data ({data})."
    says = f"{free_gib:.1f} GiB free at {there}"
    return Finding(what="disk", verdict="ok" if good else "fails", says=says, remedy=remedy)


def _port(settings: Settings) -> Finding:
    if not settings.port:
        return Finding(what="gateway port", verdict="ok", says="any free one")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return Finding(
                what="gateway port",
                verdict="note",
                says=f"{settings.port} is in use",
                remedy="Fine if that is Partyline itself; else choose another with --port.",
            )
    return Finding(what="gateway port", verdict="ok", says=f"{settings.port} is free")


def _twilio(settings: Settings) -> Finding:
    what = "twilio auth token"
    if settings.twilio_auth_token:
        return Finding(what=what, verdict="ok", says="set: webhooks and sockets must be signed")
    return Finding(
        what=what,
        verdict="note",
        says="not set",
        remedy=f"Set {variable('twilio_auth_token')} before callers come from Twilio.",
    )


async def _servers(settings: Settings) -> AsyncIterator[Finding]:
    try:
        places = find(settings, "nats", "postgres")
    except NothingRuns as nothing:
        yield Finding(what="servers", verdict="note", says="none runs", remedy=str(nothing))
        return
    nats = await _nats(places.nats, settings)
    yield nats
    if nats.verdict == "ok":
        yield await _personal_data(places)
    async for finding in _postgres(places.postgres, settings):
        yield finding
    if places.qdrant.startswith("http"):
        yield await _qdrant(places.qdrant)
    yield await _gateway(settings)


async def _nats(url: str, settings: Settings) -> Finding:
    remedy = f"Start it, or mend {variable('nats')}."
    try:
        bus = await connect(url, name="partyline doctor")
    except BusUnavailable as away:
        return Finding(what="NATS", verdict="fails", says=str(away), remedy=remedy)
    try:
        version = str(bus.nc.connected_server_version).strip("<>")
    finally:
        await bus.close()
    addresses = running(settings.data)
    synced = ""
    if addresses is not None and url == addresses.nats_url:
        await assert_durable(addresses.nats_system_url)
        synced = ", synced to disk before it acknowledges"
    return Finding(what="NATS", verdict="ok", says=f"{version}{synced}")


async def _personal_data(places: Places) -> Finding:
    what = "personal data"
    bus = await connect(places.nats, name="partyline doctor")
    try:
        vault = vault_of(bus, places)
        await vault.check()
    except (BadMasterKey, Locked, JournalUnavailable) as shut:
        remedy = "Without the right master key no call can be read nor taken."
        return Finding(what=what, verdict="fails", says=str(shut), remedy=remedy)
    finally:
        await bus.close()
    if vault.master is not None and places.seal:
        says = f"calls are sealed, master key {vault.master.id} in {places.master_key}"
        return Finding(what=what, verdict="ok", says=says)
    return Finding(
        what=what,
        verdict="note",
        says="what callers say is stored in the clear, and can't be erased",
        remedy=f"{MAKE}; then {variable('master_key_file')}=FILE for every process."
        if vault.master is None
        else f"Leave {variable('seal')} out.",
    )


async def _postgres(dsn: str, settings: Settings) -> AsyncIterator[Finding]:
    try:
        pool = await connect_pool(dsn, wait_s=3)
    except PostgresUnavailable as away:
        remedy = f"Start it, or mend {variable('postgres')}. Calls go on without it."
        yield Finding(what="Postgres", verdict="fails", says=str(away), remedy=remedy)
        return
    try:
        version = await pool.fetchval("SHOW server_version")
        yield Finding(what="Postgres", verdict="ok", says=str(version))
        yield await _parked(pool)
        yield await _tables(pool, settings)
    finally:
        await pool.close()


async def _parked(pool: Pool) -> Finding:
    try:
        parked = len({(each.tenant, each.call) for each in await all_parked(pool)})
    except asyncpg.UndefinedTableError:
        parked = 0
    if not parked:
        return Finding(what="parked calls", verdict="ok", says="none")
    return Finding(
        what="parked calls",
        verdict="note",
        says=f"{parked} calls hold an event no contract covers or Postgres refuses",
        remedy="SELECT * FROM parked tells which and why; all other calls go on.",
    )


async def _tables(pool: Pool, settings: Settings) -> Finding:
    """Whether what is stored in the log arrives: where nobody calls, canaries do."""
    age_s = await unheard_s(pool)
    if age_s is None:
        return Finding(what="tables", verdict="ok", says="none was made yet")
    says = f"the last message came through {max(0, round(age_s))} s ago"
    late = settings.canary_s > 0 and age_s > _CANARIES_MISSED * settings.canary_s + _CANARY_WAY_S
    return Finding(
        what="tables",
        verdict="note" if late else "ok",
        says=says,
        remedy="Does a process with the role projections run? 'partyline projections' tells more."
        if late
        else "",
    )


async def _qdrant(url: str) -> Finding:
    status = await _status(f"{url.rstrip('/')}/readyz")
    if status == "200":
        return Finding(what="Qdrant", verdict="ok", says="ready")
    remedy = f"Start it, or mend {variable('qdrant')}. Questions are answered without knowledge."
    return Finding(what="Qdrant", verdict="fails", says=status, remedy=remedy)


async def _status(url: str) -> str:
    """The HTTP status of a GET as text, or the kind of error in its place."""
    try:
        timeout = aiohttp.ClientTimeout(total=3)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
            return str(answer.status)
    except (aiohttp.ClientError, TimeoutError, ValueError) as away:
        return type(away).__name__


async def _gateway(settings: Settings) -> Finding:
    url_file = settings.data / GATEWAY_URL
    if not url_file.exists():
        return Finding(what="gateway", verdict="note", says="not started from this folder")
    url = url_file.read_text().strip()
    status = await _status(f"{url}/healthz")
    if status == "200":
        return Finding(what="gateway", verdict="ok", says=f"{url} answers")
    remedy = "Start it with 'partyline up', or see its log."
    return Finding(what="gateway", verdict="fails", says=f"{url}: {status}", remedy=remedy)


def _print(findings: list[Finding]) -> None:
    colours = {"ok": "green", "note": "yellow", "fails": "red"}
    for each in findings:
        mark = f"[{colours[each.verdict]}]{each.verdict:>5}[/{colours[each.verdict]}]"
        out.print(f"{mark}  {each.what}: {each.says}", soft_wrap=True)
        if each.remedy:
            out.print(f"       [dim]{each.remedy}[/dim]", soft_wrap=True)
