"""Spans and metrics sent to a collector over OTLP, as the standard OTEL_* variables say.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/. Without an endpoint nothing is made
and nothing is sent: a use then costs a few microseconds.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from infra.telemetry import names

_log: Final = logging.getLogger("partyline.telemetry")
ENDPOINTS: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)


def enabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether anybody is told."""
    return any(environment.get(name) for name in ENDPOINTS)


@contextmanager
def exporting(role: str, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Send during the block; what is left is sent at its end. `role` tells the processes apart."""
    if not enabled(environment):
        yield
        return
    try:
        from infra.telemetry.otlp import providers
    except ImportError:
        _log.warning("nothing is traced: pip install 'partyline[otlp]'")
        yield
        return
    told = providers({"service.name": "partyline", "partyline.role": role, **_SEMCONV})
    try:
        yield
    finally:
        told.shutdown()


_SEMCONV: Final = {"partyline.semconv": names.SEMCONV}
