"""What uses cost, where somebody says the prices."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from opentelemetry import metrics

from infra.telemetry import names

Operation = Literal["chat", "embeddings", "transcribe", "synthesize"]
Unit = Literal["tokens_in", "tokens_out", "characters", "line_seconds", "speech_seconds"]


class Money(NamedTuple):
    """The price of one unit."""

    amount: float
    currency: str  # ISO 4217


PriceOf = Callable[[Operation, str, str, Unit], Money | None]
"""Of an operation, a provider, its model and a unit; None: no such price is known."""

_cost: Final = metrics.get_meter(names.SCOPE).create_counter(
    names.COST, "{currency}", "By the prices that are configured"
)
_prices: list[PriceOf] = []


def price_by(price_of: PriceOf) -> None:
    """Let all uses of this process be priced so."""
    _prices[:] = [price_of]


def spend(labels: dict[str, str], operation: Operation, unit: Unit, quantity: float) -> None:
    """Add what so much of it cost; nothing where no price is known."""
    for price_of in _prices:
        provider, model = labels[names.PROVIDER], labels.get(names.MODEL, "")
        if (money := price_of(operation, provider, model, unit)) is not None:
            _cost.add(money.amount * quantity, {**labels, names.CURRENCY: money.currency})
