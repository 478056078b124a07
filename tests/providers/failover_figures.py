"""What is common to the measurements of failing providers."""

import statistics
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from vendors.serving import Refusal
from vendors.strict import Exchange

WAIT_MS: Final = 250  # the time-outs of the agent measured with; as long as the caller may notice
NOBODY: Final = "http://127.0.0.1:9"
DOWN: Final = Refusal(503, {})
SOUND: Final = b"\x55" * 160
WAITS: Final[dict[str, Any]] = {"first_ms": WAIT_MS, "stall_ms": WAIT_MS, "connect_ms": WAIT_MS}
Turn = Callable[[], Awaitable[float]]  # a turn's wait in ms


class Measured(NamedTuple):
    """Extra waits of one failure at one port, in milliseconds."""

    port: str
    failure: str
    timeout_ms: int  # that has to pass before it counts as failed; 0: it is known at once
    p50_ms: float
    p99_ms: float

    @property
    def row(self) -> str:
        beyond = self.p99_ms - self.timeout_ms
        return (
            f"{self.port:4} {self.failure:24} {self.timeout_ms:>10} {self.p50_ms:>10.1f}"
            f" {self.p99_ms:>10.1f} {beyond:>16.1f}"
        )


async def waits(turn: Turn, turns: int) -> list[float]:
    await turn()  # connections are made, modules are imported
    return [await turn() for _ in range(turns)]


def measured(
    port: str, failure: str, timeout_ms: int, found: list[float], usual_ms: float
) -> Measured:
    extra = sorted(wait - usual_ms for wait in found)
    p99 = extra[min(len(extra) - 1, int(len(extra) * 0.99))]
    return Measured(port, failure, timeout_ms, round(statistics.median(extra), 2), round(p99, 2))


async def is_silent(exchange: Exchange) -> None:
    await exchange.gone()
