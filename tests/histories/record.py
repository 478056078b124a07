"""Take a call out of a running platform's log: python tests/histories/record.py DATA CALL FILE.

The call has to be in the clear, as under `PARTYLINE_SEAL=no partyline up`.
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from contracts.codec import encode
from contracts.ids import CallId, TenantId
from contracts.line import LineRang
from infra.agents import Agents
from infra.embedded import running
from infra.journal import NatsJournal
from infra.nats import connect

TENANT = TenantId("main")


async def record(data: Path, call: CallId) -> bytes:
    """One JSON line for the agent's revision, then one for each message as it was stored."""
    addresses = running(data)
    assert addresses is not None, f"nothing runs on {data}"
    bus = await connect(addresses.nats_url, name="recording")
    history = [each async for each in NatsJournal(bus).read(TENANT, call)]
    ref = next(e.agent for r in history for _, e in r.events() if isinstance(e, LineRang))
    published = await Agents(bus).latest(TENANT, ref.agent)
    assert published is not None
    await bus.close()
    lines = [{"agent": encode(published).decode()}]
    for each in history:
        place = {"family": each.family, "sequence": each.sequence, "stored_ms": each.stored_ms}
        lines.append({**place, "payload": each.payload.decode()})
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


if __name__ == "__main__":
    Path(sys.argv[3]).write_bytes(asyncio.run(record(Path(sys.argv[1]), CallId(sys.argv[2]))))
