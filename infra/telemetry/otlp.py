"""OpenTelemetry's own SDK and exporter, put in place of its idle defaults."""

from typing import NamedTuple

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Providers(NamedTuple):
    """What sends, in threads of its own."""

    tracing: TracerProvider
    metering: MeterProvider

    def shutdown(self) -> None:
        """Send what is left, and end the threads."""
        self.tracing.shutdown()
        self.metering.shutdown()


def providers(about: dict[str, str]) -> Providers:
    """Begin to send. Once in a process: OpenTelemetry keeps the first."""
    resource = Resource.create(about)
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    metering = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource)
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(metering)
    return Providers(tracing, metering)
