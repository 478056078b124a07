"""The calls of a chunk, as bytes, while the log goes by."""

from collections.abc import Sequence
from typing import NamedTuple

from contracts.codec import is_sealed
from contracts.streams import parse_call_subject
from projections.reading import Place, Stored
from projections.rebuild.plan import Chunk
from projections.rebuild.taking import Raw


class Crossing(NamedTuple):
    """See the table rebuild_crossings."""

    place: Place
    begun: bool
    last: int


class GatheredCall:
    """One call: its messages as bytes, or as they were read elsewhere."""

    __slots__ = ("begun", "ended", "last", "messages", "place", "raw", "sealed")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.raw: list[Raw] = []
        self.messages: list[Stored] = []
        self.begun = self.ended = self.sealed = False
        self.last = 0


class Gathering:
    """The calls of a chunk, as bytes, and which of those that begin in it have yet to end."""

    def __init__(self, chunk: Chunk) -> None:
        self._last = chunk.last
        self.calls: dict[bytes, GatheredCall] = {}

    @property
    def begun(self) -> list[GatheredCall]:
        """Those that begin here."""
        return [call for call in self.calls.values() if call.begun]

    @property
    def open(self) -> list[GatheredCall]:
        """Those of them that have yet to end."""
        return [call for call in self.calls.values() if call.begun and not call.ended]

    def crossings(self) -> list[Crossing]:
        """Calls that have messages in other chunks, too."""
        end = self._last
        return [
            Crossing(call.place, call.begun, call.last)
            for call in self.calls.values()
            if not call.begun or call.last > end
        ]

    def take(self, raws: Sequence[Raw], until: int) -> None:
        """The next messages of the log, but those behind the sequence `until`."""
        for raw in raws:
            if raw.name and raw.sequence <= until:
                self._take(raw)

    def _take(self, raw: Raw) -> None:
        call = self.calls.get(raw.name) or self._new(raw)
        if call is None:
            return
        if raw.family == "line":
            call.begun = call.begun or raw.payload.find(b'"line.rang/') >= 0
        elif raw.family == "dialog":  # `in` would ask first whether these bytes are a number
            call.ended = call.ended or raw.payload.find(b'"dialog.ended/') >= 0
        if call.begun:
            call.last = raw.sequence
            call.raw.append(raw)
            call.sealed = call.sealed or is_sealed(raw.payload)
        elif raw.sequence <= self._last:
            call.last = raw.sequence

    def _new(self, raw: Raw) -> GatheredCall | None:
        """None: it begins behind the chunk."""
        if raw.sequence > self._last:
            return None
        place = parse_call_subject(f"{raw.name.decode()}.{raw.family}")
        call = self.calls[raw.name] = GatheredCall(Place(place.tenant, place.call))
        return call
