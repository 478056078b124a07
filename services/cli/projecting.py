"""partyline projections: how far the tables are, and calls they do not follow."""

import msgspec
from rich.table import Table

from contracts.codec import Codec
from infra.nats import connect
from infra.postgres import connect_pool
from projections import PROJECTIONS
from projections.history import history_of
from projections.parking import Parked, all_parked
from projections.reading import Place
from projections.refolding import refold
from projections.standing import Stand, stands
from services.cli.archiving import archive_of
from services.cli.places import find
from services.cli.sealing import vault_of
from services.cli.settings import Settings
from services.cli.terminal import out


async def projections(settings: Settings, as_json: bool) -> int:
    """List positions, lag and parked calls. Exit code 1 when calls are parked."""
    places = find(settings, "nats", "postgres")
    bus = await connect(places.nats, name="partyline projections")
    pool = await connect_pool(places.postgres)
    try:
        found, parked = await stands(bus, pool), await all_parked(pool)
    finally:
        await pool.close()
        await bus.close()
    if as_json:
        listed = {"projections": found, "parked": parked}
        print(msgspec.json.encode(listed, enc_hook=str).decode())
    else:
        _print(found, parked)
    return 1 if parked else 0


async def retry(settings: Settings, name: str | None) -> int:
    """Make parked calls' rows anew from the log. Exit code 1 when some can't be followed yet."""
    places = find(settings, "nats", "postgres")
    bus = await connect(places.nats, name="partyline projections retry")
    pool = await connect_pool(places.postgres)
    try:
        codec = Codec(vault_of(bus, places))
        history = history_of(bus, codec, archive_of(settings, codec))
        freed = left = 0
        for each in await all_parked(pool):
            if name in (None, each.projection):
                meant = [p for p in PROJECTIONS if p.name == each.projection]
                refused = await refold(pool, meant, history, Place(each.tenant, each.call))
                followed = bool(meant) and not refused
                freed, left = freed + followed, left + (not followed)
    finally:
        await pool.close()
        await bus.close()
    out.print(f"{freed} followed again, {left} still can't be.")
    return 1 if left else 0


def _print(found: list[Stand], parked: tuple[Parked, ...]) -> None:
    titles = ("projection", "tables", "position", "behind", "oldest unseen", "canary", "parked")
    table = Table(*titles, box=None)
    for each in found:
        canary = "" if each.canary_s is None else f"{each.canary_s:.1f} s"
        age = f"{each.oldest_unseen_s:.1f} s" if each.behind else ""
        what = f"{each.state}, generation {each.generation}, version {each.version}"
        behind = str(each.behind) if each.state in ("live", "filling") else ""
        parked_calls = str(each.parked or "")
        table.add_row(each.name, what, str(each.position), behind, age, canary, parked_calls)
    out.print(table)
    for call in parked:
        out.print(
            f"{call.projection} does not follow call {call.call} from message {call.sequence} on:"
            f" {call.error}; {call.skipped} left out since. 'partyline projections retry'"
        )
