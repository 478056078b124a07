"""What is told reaches a collector over OTLP, as the standard variables say."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from vendors.serving import serving

from infra.telemetry import enabled

PROGRAM = """
from infra.telemetry import about, exporting, use
with exporting("dialog"):
    about("main", "call-1", "receptionist")
    with use("chat", "groq", "small") as timed:
        timed.result()
        timed.tokens(30, 7)
"""


class Collector:
    """Keeps what comes over OTLP/HTTP: opentelemetry.io/docs/specs/otlp/#otlphttp."""

    def __init__(self) -> None:
        self.url = ""
        self.traces, self.metrics = ExportTraceServiceRequest(), ExportMetricsServiceRequest()

    async def on_traces(self, request: web.Request) -> web.Response:
        self.traces.MergeFromString(await request.read())
        return web.Response(content_type="application/x-protobuf")

    async def on_metrics(self, request: web.Request) -> web.Response:
        self.metrics.MergeFromString(await request.read())
        return web.Response(content_type="application/x-protobuf")


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    here = Collector()
    routes = (web.post("/v1/traces", here.on_traces), web.post("/v1/metrics", here.on_metrics))
    async with serving(*routes) as address:
        here.url = f"http://{address}"
        yield here


async def test_spans_and_metrics_arrive_with_who_sent_them() -> None:
    async with collector() as here:
        environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": here.url}
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM), env=environment
        )
        assert await program.wait() == 0
    (sent,) = here.traces.resource_spans
    about = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert about["service.name"] == "partyline"
    assert about["partyline.role"] == "dialog"
    assert about["partyline.semconv"]
    assert sent.scope_spans[0].spans[0].name == "chat small"
    told = here.metrics.resource_metrics[0].scope_metrics[0].metrics
    assert "gen_ai.client.token.usage" in {metric.name for metric in told}


def test_without_an_endpoint_nothing_is_sent_and_no_exporter_is_imported() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{PROGRAM}\nimport sys\nprint('infra.telemetry.otlp' in sys.modules)",
        ],
        env={k: v for k, v in os.environ.items() if not k.startswith("OTEL_")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "False"


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_an_endpoint_is_what_turns_it_on(variable: str) -> None:
    assert enabled({variable: "http://127.0.0.1:4318"})
    assert not enabled({})
