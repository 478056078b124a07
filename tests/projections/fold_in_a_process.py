"""Folds calls as a worker of a rebuild does, and writes down what came of them.

python fold_in_a_process.py GIVEN RESULT machine|source: a line for each refused message and each
row, as `repr` has it, so that 1 is not 1.0.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from contracts.codec import Codec
from contracts.ids import CallId, TenantId
from contracts.seal import Opener
from infra.sealing import CallKey, Erasing, Leaving, Opening
from projections import PROJECTIONS
from projections.call_fold import CallFold, Readers
from projections.rebuild.decoding import stored_in
from projections.rebuild.gathering import GatheredCall, Gathering
from projections.rebuild.plan import Chunk
from projections.rebuild.taking import Raw


class Given(msgspec.Struct):
    """A piece of a log, and the keys of its calls."""

    messages: list[tuple[bytes, str, int, int, bytes]]  # see Raw
    keys: dict[str, bytes]
    erased: set[str]


class Keys:
    """The part of a Seal that is asked when calls are read."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def opener(self, call: CallId) -> Opener:
        if call in self._given.erased:
            return Opener(Erasing(), "erased")
        key = self._given.keys.get(call)
        return Opener(Opening(CallKey(call, key)) if key else Leaving(), "")

    def forget(self, call: CallId) -> None:
        self._given.erased.add(call)


def folded(given: Given) -> Iterator[str]:
    """What came of each call."""
    last = len(given.messages)
    gathering = Gathering(Chunk(1, last))
    gathering.take([Raw(*each) for each in given.messages], last)
    yield from map(repr, gathering.crossings())
    codec = Codec(Keys(given)).of_events()  # type: ignore[arg-type]
    readers = Readers(PROJECTIONS)
    for call in gathering.begun:
        yield from _rows(codec, readers, call)


def _rows(codec: Codec, readers: Readers, call: GatheredCall) -> Iterator[str]:
    fold = CallFold(call.place, readers)
    tenant, id = TenantId(call.place.tenant), CallId(call.place.call)
    for message in stored_in(codec, tenant, id, call.raw):
        yield from map(repr, fold.take(message))
    yield repr((call.place, fold.last, fold.over, fold.anew))
    for projection in PROJECTIONS:
        rows = fold.rows_of(projection)
        for row in rows.news if rows else ():
            values = msgspec.structs.astuple(row)
            told = [bytes(each) if type(each) is msgspec.Raw else each for each in values]
            yield repr((projection.name, type(row).__name__, told))


def main(given: Path, result: Path, code: Literal["machine", "source"]) -> None:
    """Refuses to run another code than it is told to."""
    ends = ".so" if code == "machine" else ".py"
    assert str(sys.modules["projections.call_fold"].__file__).endswith(ends)
    lines = folded(msgspec.msgpack.decode(given.read_bytes(), type=Given))
    result.write_text("".join(f"{line}\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])  # type: ignore[arg-type]
