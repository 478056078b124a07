"""Spans and metrics of what is asked of outside services; never a word of what callers say."""

from infra.telemetry.exporting import enabled, exporting
from infra.telemetry.uses import Operation, Use, about, use

__all__ = ["Operation", "Use", "about", "enabled", "exporting", "use"]
