"""What was just worked out, for whoever asks the same again."""

import hashlib
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_WORD: Final = re.compile(r"[^\W_]+")


class Memory(Generic[Key, Value]):
    """The latest so many; what was not asked for longest goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Value | None:
        """What was put there, if it is still known."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Know it from now on."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def mark_of(question: str) -> bytes:
    """Tells a question from others without keeping a caller's words; empty: it has none.

    The same for those that differ in case, spaces and punctuation alone.
    """
    words = " ".join(_WORD.findall(unicodedata.normalize("NFKC", question).casefold()))
    return (
        hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if words
        else b""
    )
