"""What both ways of writing a view's rows share."""

import time
from typing import Final

import msgspec

from services.cli.terminal import err

_TELL_EVERY_S: Final = 0.5
_MEGABYTE: Final = 1_000_000


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view."""

    name: str
    type: str  # PostgreSQL's short name
    in_full: str  # with precision and scale


class Progress:
    """A line on the error stream: while it goes on only where somebody watches."""

    def __init__(self, view: str) -> None:
        self._view, self._began_s = view, time.monotonic()
        self._told_s = self._began_s
        self.written_bytes = 0

    def wrote(self, size_bytes: int) -> None:
        """More was written."""
        self.written_bytes += size_bytes
        now_s = time.monotonic()
        if err.is_terminal and now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            err.print(f"{self._view}: {self._size()}", end="\r")

    def done(self, rows: int, to: str) -> None:
        """All is written."""
        took_s = time.monotonic() - self._began_s
        err.print(
            f"{self._view}: {rows:,} rows, {self._size()}, {took_s:.1f} s -> {to}", soft_wrap=True
        )

    def _size(self) -> str:
        if self.written_bytes < _MEGABYTE:
            return f"{self.written_bytes / 1000:,.1f} kB"
        return f"{self.written_bytes / _MEGABYTE:,.1f} MB"
