"""Figures of an adapter, and how they are taken."""

import gc
import statistics
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

PAGE_BYTES = 4_096


class Measured(msgspec.Struct, kw_only=True):
    """What one adapter costs; None: it does not apply."""

    FIGURES: ClassVar = (
        "first_p50_ms",
        "first_p99_ms",
        "cpu_ms_per_audio_s",
        "memory_kib_per_stream",
    )
    adapter: str
    first_p50_ms: float | None = None  # from the request to the first result
    first_p99_ms: float | None = None
    cpu_ms_per_audio_s: float | None = None  # of this process, for a second of audio
    memory_kib_per_stream: float | None = None  # resident, of this process

    def figure(self, name: str) -> str:
        """As text, for a table."""
        value = getattr(self, name)
        return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def p50_and_p99(waits_s: Sequence[float]) -> tuple[float, float]:
    """In milliseconds."""
    centiles = statistics.quantiles(waits_s, n=100)
    return statistics.median(waits_s) * 1_000, centiles[98] * 1_000


def resident_kib() -> float:
    """Memory of this process, after what is garbage is gone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * PAGE_BYTES / 1_024


def scripted(
    server: Callable[[], Any], script: Callable[[Any], Awaitable[None]]
) -> Callable[[], Any]:
    """Makes a vendor that answers by `script`."""

    def made() -> Any:
        vendor = server()
        vendor.script = script
        return vendor

    return made
