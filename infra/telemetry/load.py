"""What is told of load: calls that were refused for it."""

from typing import Final

from opentelemetry import metrics

from infra.telemetry import names

_meter: Final = metrics.get_meter(names.SCOPE)
_refused: Final = _meter.create_counter(names.REFUSED, "{call}", "Refused because all was late")


def tell_refused() -> None:
    """A call was refused because there was no room for it."""
    _refused.add(1)
