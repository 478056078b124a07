"""What the carrier was sent of a reply and has not yet confirmed: how far the caller has heard.

The carrier says so by echoing marks. Between two echoes time tells, but never beyond the next.
"""

from collections import deque
from typing import Final

import msgspec

SPACING_MS: Final = 500  # between marks
_GRACE_MS: Final = 2_000  # how much later than it should the carrier may confirm
_WAY_MS: Final = 200  # how long sound may be on its way to the caller


class Stretch(msgspec.Struct):
    """Sound of one sentence up to a mark, or up to now while the mark is still to come."""

    sentence: int
    from_ms: int  # within the sentence
    to_ms: int
    sent_at_ms: int  # UNIX time
    name: str = ""  # of its mark; empty: still open
    end: bool = False  # of the sentence


class Marks:
    """The stretches of one reply in the order they were sent."""

    def __init__(self) -> None:
        self._stretches: deque[Stretch] = deque()
        self._echoed_at_ms = 0
        self._over_at_ms = 0

    def audible(self, now_ms: int) -> bool:
        """Whether the carrier has something to play, as far as can be known.

        A carrier that never confirms is not believed to be playing for ever; where no mark was sent
        yet behind the last sound, there is nothing for it to confirm.
        """
        if not self._stretches:
            return False
        grace_ms = _GRACE_MS if self._stretches[-1].name else _WAY_MS
        return now_ms < self._over_at_ms + grace_ms

    @property
    def unconfirmed(self) -> bool:
        """Whether the carrier has yet to confirm something."""
        return bool(self._stretches)

    def room_ms(self, sentence: int) -> int:
        """How much more of `sentence` goes before the next mark."""
        last = self._open(sentence)
        return SPACING_MS - (last.to_ms - last.from_ms) if last else SPACING_MS

    def sent(self, sentence: int, from_ms: int, length_ms: int, now_ms: int) -> None:
        """Sound was sent: `length_ms` of `sentence`, beginning at its `from_ms`."""
        self._over_at_ms = max(self._over_at_ms, now_ms) + length_ms
        last = self._open(sentence)
        if last:
            last.to_ms += length_ms
        else:
            self._stretches.append(Stretch(sentence, from_ms, from_ms + length_ms, now_ms))

    def close(self, name: str, sentence: int, at_ms: int, now_ms: int, *, end: bool) -> None:
        """A mark was sent behind all that was sent of `sentence`, `at_ms` into it."""
        last = self._open(sentence)
        if last is None:
            last = Stretch(sentence, at_ms, at_ms, now_ms)
            self._stretches.append(last)
        last.name, last.end = name, end

    def echoed(self, name: str, now_ms: int) -> list[Stretch]:
        """What this echo confirms: all up to its mark; nothing when no such mark is awaited."""
        if not any(stretch.name == name for stretch in self._stretches):
            return []
        self._echoed_at_ms = now_ms
        confirmed = [self._stretches.popleft()]
        while confirmed[-1].name != name:
            confirmed.append(self._stretches.popleft())
        return confirmed

    def heard(self, now_ms: int) -> tuple[int, int] | None:
        """The sentence being heard and how far into it, in ms. None: all that was sent is heard."""
        if not self._stretches:
            return None
        first = self._stretches[0]
        playing_ms = now_ms - max(self._echoed_at_ms, first.sent_at_ms)
        return first.sentence, min(first.from_ms + max(0, playing_ms), first.to_ms)

    def _open(self, sentence: int) -> Stretch | None:
        last = self._stretches[-1] if self._stretches else None
        return last if last and not last.name and last.sentence == sentence else None
