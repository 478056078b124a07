"""Spans and metrics of what is asked of outside services; never a word of what callers say."""

from infra.telemetry.exporting import exporting
from infra.telemetry.uses import About, Operation, Use, use

__all__ = ["About", "Operation", "Use", "exporting", "use"]
