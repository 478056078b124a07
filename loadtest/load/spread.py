"""How times are spread."""

from collections.abc import Iterable

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """In milliseconds. All 0 where there is nothing."""

    n: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


def spread(values: Iterable[float]) -> Spread:
    """Sorted and looked at."""
    ordered = sorted(values)
    if not ordered:
        return Spread()

    def at(share: float) -> float:
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2)

    return Spread(n=len(ordered), p50=at(0.5), p95=at(0.95), p99=at(0.99), max=at(1.0))
