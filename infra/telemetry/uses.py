"""One use of an outside service: its span, and what it adds to the metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from infra.outside import OutsideFailed
from infra.telemetry import names
from infra.telemetry.cost import Operation, spend

_tracer: Final = trace.get_tracer(names.SCOPE)
_meter: Final = metrics.get_meter(names.SCOPE)
_duration: Final = _meter.create_histogram(names.DURATION, "s", "A use from start to end")
_first: Final = _meter.create_histogram(names.FIRST_CHUNK, "s", "From start to the first result")
_gap: Final = _meter.create_histogram(names.CHUNK_GAP, "s", "Between two results")
_tokens: Final = _meter.create_histogram(names.TOKEN_USAGE, "{token}", "Tokens of a reply")
_characters: Final = _meter.create_counter(names.CHARACTERS_SPOKEN, "{character}", "Synthesised")
_audio: Final = _meter.create_counter(names.AUDIO, "s", "Audio heard or synthesised")


class About(NamedTuple):
    """Whose use it is: ids alone."""

    tenant: str = ""
    call: str = ""
    agent: str = ""


_NOBODY: Final = About()
_about: Final = ContextVar("partyline.about", default=_NOBODY)


def about(tenant: str, call: str, agent: str = "") -> None:
    """Say whose uses those are that follow in this task and in those it starts."""
    _about.set(About(tenant, call, agent))


class Use:
    """What is told while a service works. Nothing here takes a caller's words."""

    def __init__(self, span: trace.Span, operation: Operation, labels: dict[str, str]) -> None:
        self._span, self._operation, self._labels = span, operation, labels
        self._began_s = self._newest_s = time.perf_counter()
        self._results = 0

    def result(self) -> None:
        """A piece came: a token, a chunk of audio, a draft."""
        now_s = time.perf_counter()
        waited_s, self._newest_s = now_s - self._newest_s, now_s
        self._results += 1
        if self._results > 1:
            _gap.record(waited_s, self._labels)
            return
        _first.record(waited_s, self._labels)
        self._span.set_attribute(names.FIRST_MS, round(waited_s * 1000, 3))

    def asked(self) -> None:
        """The caller's turn is over: what counts is the time from here to the words."""
        self._newest_s = time.perf_counter()

    def tokens(self, came_in: int, went_out: int) -> None:
        """What a reply cost, as the vendor counts."""
        self._span.set_attribute(names.TOKENS_IN, came_in)
        self._span.set_attribute(names.TOKENS_OUT, went_out)
        _tokens.record(came_in, {**self._labels, names.TOKEN_TYPE: "input"})
        _tokens.record(went_out, {**self._labels, names.TOKEN_TYPE: "output"})
        spend(self._labels, self._operation, "tokens_in", came_in)
        spend(self._labels, self._operation, "tokens_out", went_out)

    def characters(self, count: int) -> None:
        """So many were given to a voice."""
        self._span.set_attribute(names.CHARACTERS, count)
        _characters.add(count, self._labels)
        spend(self._labels, self._operation, "characters", count)

    def audio(self, ms: float) -> None:
        """So much was heard, or spoken."""
        self._span.set_attribute(names.AUDIO_MS, round(ms))
        _audio.add(ms / 1000, self._labels)
        if self._operation == "transcribe":  # a vendor asks for one of the two
            spend(self._labels, self._operation, "line_seconds", ms / 1000)
            spend(self._labels, self._operation, "speech_seconds", ms / 1000)

    def failed(self, kind: str) -> None:
        """It came to nothing; `kind` as in OutsideFailed."""
        self._span.set_attribute(names.ERROR, kind)
        self._span.set_status(Status(StatusCode.ERROR))
        self._labels = {**self._labels, names.ERROR: kind}

    def end(self) -> None:
        """No more is told."""
        _duration.record(time.perf_counter() - self._began_s, self._labels)
        self._span.end()


@contextmanager
def use(operation: Operation, provider: str, model: str = "") -> Iterator[Use]:
    """Time what is done in the block. A failure's kind is told, and nothing else of it."""
    whose = _about.get()
    labels = {names.OPERATION: operation, names.PROVIDER: provider}
    if model:
        labels[names.MODEL] = model
    ids = {names.TENANT: whose.tenant, names.CALL: whose.call, names.AGENT: whose.agent}
    span = _tracer.start_span(
        f"{operation} {model or provider}",
        kind=SpanKind.CLIENT,
        attributes={**labels, **{name: id for name, id in ids.items() if id}},
    )
    timed = Use(span, operation, labels)
    try:
        yield timed
    except OutsideFailed as failed:
        timed.failed(failed.kind)
        raise
    except Exception as failed:
        timed.failed(type(failed).__name__)
        raise
    finally:
        timed.end()
