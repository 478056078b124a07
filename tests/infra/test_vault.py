"""Calls sealed over a real NATS server: keys made once, learnt by all, and gone for all."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from eventually import eventually_async
from nats.aio.msg import Msg

from contracts.codec import Codec, KeyWanted, Locked, encode
from contracts.dialog import TurnTaken
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, TenantId, new_call_id
from contracts.journal import JournalUnavailable
from contracts.key import KeyErased, KeyMade
from contracts.line import LineRang
from contracts.marked_fields import ERASED
from contracts.outcome import CallErased, OutcomeRecorded
from contracts.recorded import CallEvent, Message, Recorded
from contracts.streams import CALLS, KEYS, Family, key_subject
from infra.call_log import CallLog
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from infra.sealing import MasterKey
from infra.vault import Vault

pytestmark = pytest.mark.stack
TENANT = TenantId("practice")
NUMBER, WORDS = "+4930123456789", "an appointment for Zoë on Tuesday"
MASTER = MasterKey(os.urandom(64))
RANG = LineRang(
    at_ms=1,
    carrier="loopback",
    carrier_call="CA1",
    caller=NUMBER,
    agent=AgentRef(agent=AgentId("reception"), revision=1),
)
TURN = TurnTaken(
    at_ms=2,
    turn=1,
    utterance=1,
    text=WORDS,
    intent="book",
    kind="action",
    slots={"day": "Tuesday"},
)


class Process:
    """One process's way to the log: its own connection, its own keys."""

    def __init__(self, bus: Bus, master: MasterKey | None) -> None:
        self.bus, self.vault = bus, Vault(bus, master)
        self.journal = NatsJournal(bus, Codec(self.vault))

    async def ring(self, call: CallId) -> None:
        """As the gateway does it."""
        await self.journal.codec.begin(call)
        await self.say(call, RANG)

    async def say(self, call: CallId, event: CallEvent) -> None:
        families: dict[type, Family] = {LineRang: "line", TurnTaken: "dialog"}
        family = families.get(type(event), "outcome")
        message = Message(by="host-1", events=(event,))
        await self.journal.append(
            TENANT, call, family, message, id=f"{call}:{event.at_ms}:{type(event).__name__}"
        )

    async def events(self, call: CallId) -> list[CallEvent]:
        return [e async for r in self.journal.read(TENANT, call) for _, e in r.events()]


class Exchange:
    """A server of the test's own, so that its disk can be searched."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.folder, self.server = folder, server
        self._buses: list[Bus] = []

    async def process(self, master: MasterKey | None = MASTER) -> Process:
        self._buses.append(bus := await connect(self.server.url, name="test"))
        return Process(bus, master)

    async def close(self) -> None:
        for bus in self._buses:
            await bus.close()

    def on_disk(self, *wanted: bytes) -> list[bytes]:
        """Which of these stand in any file of the server's store."""
        files = list(self._files())
        return [each for each in wanted if any(each in held for held in files)]

    def _files(self) -> Iterator[bytes]:
        """A stream's files may go while they are looked at."""
        for folder, _, names in os.walk(self.folder / "jetstream"):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    yield (Path(folder) / name).read_bytes()


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    folder = make_folders(tmp_path / "log")
    server = NatsServer(folder, "secret")
    await server.start()
    exchange = Exchange(folder, server)
    await create_streams((await exchange.process()).bus)
    yield exchange
    await exchange.close()
    await server.stop()


async def test_what_is_stored_is_sealed_and_every_process_reads_it(exchange: Exchange) -> None:
    gateway, dialog, call = await exchange.process(), await exchange.process(), new_call_id()
    await gateway.ring(call)
    await dialog.say(call, TURN)
    assert await dialog.events(call) == await gateway.events(call) == [RANG, TURN]
    stored = (await gateway.bus.js.get_last_msg(CALLS.name, f"call.{TENANT}.{call}.dialog")).data
    assert stored is not None
    assert b'"sealed":"siv"' in stored
    assert b"uesday" not in stored
    assert exchange.on_disk(NUMBER.encode(), b"appointment", b"dialog.turn_taken") == [
        b"dialog.turn_taken"
    ]


async def test_two_gateways_that_get_the_same_ring_make_one_key(exchange: Exchange) -> None:
    gateways = [await exchange.process() for _ in range(2)]
    for _ in range(20):
        call = new_call_id()
        await asyncio.gather(*(gateway.journal.codec.begin(call) for gateway in gateways))
        for gateway, other in (gateways, gateways[::-1]):
            payload = gateway.journal.codec.encode(call, Message(by="g", events=(TURN,)))
            assert other.journal.codec.decode(call, payload).events == (TURN,)
    held = await gateways[0].bus.js.stream_info(KEYS.name)
    assert held.state.messages == held.state.last_seq == 20


async def test_a_live_follower_learns_the_key_by_itself(exchange: Exchange) -> None:
    gateway, dialog, call = await exchange.process(), await exchange.process(), new_call_id()
    following = await follow(dialog.bus, dialog.journal, TENANT, call)
    await gateway.ring(call)
    heard = [recorded async for recorded in _first(following.__aiter__(), 1)]
    assert heard[0].message.events == (RANG,)
    await following.close()


async def test_an_erased_call_can_be_read_by_nobody_and_is_nowhere_on_disk(
    exchange: Exchange,
) -> None:
    gateway, dialog, call = await exchange.process(), await exchange.process(), new_call_id()
    others = [new_call_id(), new_call_id()]
    for each in (others[0], call, others[1]):  # its key lies between two that stay
        await gateway.ring(each)
    await dialog.say(call, TURN)
    key = (await gateway.bus.js.get_last_msg(KEYS.name, key_subject(call))).data or b""
    wrapped = key.partition(b'"wrapped":"')[2][:40]
    assert exchange.on_disk(wrapped)
    await gateway.vault.erase(call)
    later = await exchange.process()
    for process in (gateway, later):
        assert [e.at_ms for e in await process.events(call)] == [1, 2]
        assert await words(process, call) == [ERASED, ERASED]

    async def dialog_forgot() -> bool:
        return await words(dialog, call) == [ERASED, ERASED]

    await eventually_async(dialog_forgot)
    assert exchange.on_disk(wrapped, NUMBER.encode(), b"appointment") == []
    assert [await words(later, other) for other in others] == [[NUMBER], [NUMBER]]
    whole = await CallLog(later.bus, later.journal.codec).read(TENANT, call)
    assert [r.message.sealed for r in whole.history] == ["erased", "erased"]
    assert whole.unreadable == {}


async def test_erasing_twice_is_erasing_once(exchange: Exchange) -> None:
    gateway, call = await exchange.process(), new_call_id()
    await gateway.ring(call)
    others = [await exchange.process() for _ in range(2)]
    await asyncio.gather(*(each.vault.erase(call) for each in (gateway, *others)))
    await gateway.vault.erase(call)
    state = (await gateway.bus.js.stream_info(KEYS.name)).state
    assert (state.messages, state.last_seq) == (1, 2)
    assert await words(gateway, call) == [ERASED]


async def test_nothing_is_written_in_the_clear_once_a_call_is_erased(exchange: Exchange) -> None:
    gateway, call = await exchange.process(), new_call_id()
    await gateway.ring(call)
    await gateway.vault.erase(call)
    late = await exchange.process()
    await late.journal.codec.begin(call)  # its ring comes once more: it gets no other key
    await late.say(call, TURN)
    summed_up = OutcomeRecorded(at_ms=9, outcome="success", summary=WORDS)
    await late.say(call, summed_up)
    assert exchange.on_disk(WORDS.encode(), b"Tuesday") == []


async def test_who_reads_in_the_log_that_a_call_was_erased_opens_it_no_more(
    exchange: Exchange,
) -> None:
    gateway, reader, call = await exchange.process(), await exchange.process(), new_call_id()
    await gateway.ring(call)
    assert await words(reader, call) == [NUMBER]
    await gateway.say(call, CallErased(at_ms=5, by="b.brandt"))
    assert [e.at_ms for e in await reader.events(call)] == [1, 5]
    assert await words(reader, call) == [ERASED]


async def test_a_connection_that_was_away_asks_anew(exchange: Exchange) -> None:
    gateway, dialog, call = await exchange.process(), await exchange.process(), new_call_id()
    await gateway.ring(call)
    assert await words(dialog, call) == [NUMBER]
    back = asyncio.Event()

    async def on_back() -> None:
        back.set()

    dialog.bus.on_reconnect(on_back)
    await exchange.server.stop()
    await exchange.server.start()
    await asyncio.wait_for(back.wait(), 10)
    payload = await gateway.journal.codec.write(call, Message(by="g", events=(TURN,)))
    with pytest.raises(KeyWanted):
        dialog.journal.codec.decode(call, payload)
    assert (await dialog.journal.codec.read(call, payload)).events == (TURN,)


async def test_a_log_of_before_stays_readable_and_its_calls_unsealed(exchange: Exchange) -> None:
    before, now, call = await exchange.process(None), await exchange.process(), new_call_id()
    await before.ring(call)
    await now.say(call, TURN)
    assert await now.events(call) == await before.events(call) == [RANG, TURN]
    assert exchange.on_disk(WORDS.encode()) == [WORDS.encode()]
    await now.vault.check()


async def test_sealing_can_be_left_off_for_new_calls_alone(exchange: Exchange) -> None:
    gateway, old, new = await exchange.process(), new_call_id(), new_call_id()
    await gateway.ring(old)
    bus = (await exchange.process()).bus
    plain = Process(bus, MASTER)
    plain.vault = Vault(bus, MASTER, new_calls=False)
    plain.journal = NatsJournal(bus, Codec(plain.vault))
    await plain.ring(new)
    assert await plain.events(old) == await plain.events(new) == [RANG]
    assert exchange.on_disk(NUMBER.encode()) == [NUMBER.encode()]
    assert await gateway.events(new) == [RANG]


async def test_another_master_key_is_refused_and_so_is_none(exchange: Exchange) -> None:
    gateway, call = await exchange.process(), new_call_id()
    await gateway.ring(call)
    for master, says in ((MasterKey(os.urandom(64)), MASTER.id), (None, MASTER.id)):
        stranger = await exchange.process(master)
        with pytest.raises(Locked, match=says):
            await stranger.vault.check()
        with pytest.raises(Locked, match="PARTYLINE_MASTER_KEY_FILE"):
            await stranger.events(call)
        with pytest.raises(Locked):
            await follow(stranger.bus, stranger.journal, TENANT, call)
    await gateway.vault.check()


async def test_who_has_no_master_key_writes_nothing_in_the_clear_to_a_sealed_call(
    exchange: Exchange,
) -> None:
    gateway, stranger, call = await exchange.process(), await exchange.process(None), new_call_id()
    await gateway.journal.codec.begin(call)
    with pytest.raises(Locked):
        await stranger.say(call, TURN)
    assert exchange.on_disk(WORDS.encode()) == []


async def test_while_nobody_knows_of_a_key_nothing_is_written(exchange: Exchange) -> None:
    gateway, dialog, call = await exchange.process(), await exchange.process(), new_call_id()
    await gateway.ring(call)
    await gateway.bus.js.delete_stream(KEYS.name)
    with pytest.raises(JournalUnavailable):
        await dialog.say(call, TURN)
    with pytest.raises(JournalUnavailable):
        await dialog.events(call)
    assert exchange.on_disk(WORDS.encode()) == []


async def test_a_live_follower_without_the_master_key_is_told(exchange: Exchange) -> None:
    gateway, stranger, call = await exchange.process(), await exchange.process(None), new_call_id()
    following = await follow(stranger.bus, stranger.journal, TENANT, call)
    await gateway.ring(call)
    with pytest.raises(Locked):
        await anext(following.__aiter__())
    await following.close()


async def test_keys_of_many_calls_are_asked_for_together(exchange: Exchange) -> None:
    gateway, reader = await exchange.process(), await exchange.process()
    calls = [new_call_id() for _ in range(1_200)]
    for start in range(0, len(calls), 100):
        made = calls[start : start + 100]
        await asyncio.gather(*(gateway.journal.codec.begin(call) for call in made))
    unknown = new_call_id()
    await reader.journal.codec.fetch([*calls, unknown])
    message = Message(by="g", events=(TURN,))
    for call in calls:
        payload = gateway.journal.codec.encode(call, message)
        assert reader.journal.codec.decode(call, payload).events == (TURN,)
    assert reader.vault.held(unknown) == "none"


async def test_a_copy_that_is_behind_does_not_make_a_call_one_without_a_key(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def behind(*_: object, **__: object) -> AsyncIterator[Msg]:
        for nothing in ():
            yield nothing

    gateway, dialog, call = await exchange.process(), await exchange.process(), new_call_id()
    await gateway.ring(call)
    monkeypatch.setattr("infra.call_keys.direct_last", behind)
    await dialog.say(call, TURN)
    assert exchange.on_disk(WORDS.encode()) == []


async def test_the_stream_lets_no_key_be_written_over(exchange: Exchange) -> None:
    gateway, call = await exchange.process(), new_call_id()
    await gateway.journal.codec.begin(call)
    for event in (MASTER.make(call, 2), KeyErased(at_ms=2)):
        with pytest.raises(Exception, match="maximum messages per subject"):
            await _publish(gateway, call, event)
    assert isinstance(event, KeyErased)


async def _publish(process: Process, call: CallId, event: KeyMade | KeyErased) -> None:
    await process.bus.js.publish(key_subject(call), encode(event))


async def words(process: Process, call: CallId) -> list[str]:
    """What the caller said and from which number, as far as it can be read."""
    return [
        event.caller if isinstance(event, LineRang) else event.text
        for event in await process.events(call)
        if isinstance(event, LineRang | TurnTaken)
    ]


async def _first(events: AsyncIterator[Recorded], count: int) -> AsyncIterator[Recorded]:
    for _ in range(count):
        yield await anext(events)
