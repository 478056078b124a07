"""Spans and metrics of what is asked of outside services; never a word of what callers say."""

from infra.telemetry.cost import Money, Operation, Unit, price_by
from infra.telemetry.exporting import enabled, exporting
from infra.telemetry.uses import Use, about, use

__all__ = [
    "Money",
    "Operation",
    "Unit",
    "Use",
    "about",
    "enabled",
    "exporting",
    "price_by",
    "use",
]
