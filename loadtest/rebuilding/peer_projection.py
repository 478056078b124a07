"""A peer: the projection runner of the library `eventsourcing`, in an environment of its own.

    python peer_projection.py SOCKET_FOLDER DATABASE EVENTS

As its documentation has it, https://eventsourcing.readthedocs.io/en/stable/topics/projection.html:
an application with its events in PostgreSQL by its own recorder, and a projection that stores a row
for each event and the event's position in one transaction. The row is like our timeline's, with the
same key. The driver is psycopg's compiled one, which is the quicker of the two.

The tables are filled first; the time is that of the runner alone, from its beginning until it has
come to the last event. Prints a line of JSON.
"""
# It runs where the library is installed, and is checked where it is not.
# mypy: disable-error-code="import-not-found,misc,no-any-return,untyped-decorator,unused-ignore"

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

EVENTS_A_CALL = 90  # about what a made-up call holds
CALLS_A_SAVE = 10
_LOOK_S = 0.02
COLUMNS = (
    "tenant text NOT NULL, call text NOT NULL, sequence bigint NOT NULL, index int NOT NULL,"
    " at timestamptz NOT NULL, offset_ms bigint NOT NULL, lane text NOT NULL, type text NOT NULL,"
    " label text NOT NULL, detail jsonb NOT NULL, stored_at timestamptz NOT NULL,"
    " visible_at timestamptz NOT NULL DEFAULT clock_timestamp(),"
    " PRIMARY KEY (tenant, call, sequence, index)"
)


class Call(Aggregate):
    """A call that says one thing after another."""

    @event("Rang")
    def __init__(self, caller: str) -> None:
        self.caller = caller

    @event("Heard")
    def hear(self, turn: int, text: str, confidence: float, took_ms: int) -> None:
        self.turn = turn


class Calls(Application[Any]):
    """Where calls are kept."""


class Timeline(PostgresTrackingRecorder):
    """A row for each event, and how far it has come."""

    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self._table = Identifier(datastore.schema, "timeline")
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {0} (" + COLUMNS + ")").format(self._table)
        )
        self._insert = SQL(
            "INSERT INTO {0} (tenant, call, sequence, index, at, offset_ms, lane, type, label,"
            " detail, stored_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        ).format(self._table)

    def add(self, row: tuple[Any, ...], tracking: Tracking) -> None:
        """Both in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._insert, row, prepare=True)


class TimelineProjection(Projection[Timeline]):
    """event -> row"""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """A row like our timeline's."""
        at = domain_event.timestamp
        text = getattr(domain_event, "text", "")
        detail = {
            "turn": getattr(domain_event, "turn", 0),
            "confidence": getattr(domain_event, "confidence", 0.0),
            "took_ms": getattr(domain_event, "took_ms", 0),
        }
        call, sequence = str(domain_event.originator_id), tracking.notification_id
        kind = type(domain_event).__name__
        row = ("main", call, sequence, 0, at, 0, "caller", kind, text, Jsonb(detail))
        self.view.add((*row, datetime.now(UTC)), tracking)


def fill(app: Calls, events: int) -> int:
    """So many events; returns the position of the last."""
    left = events
    while left > 0:
        calls = []
        for _ in range(CALLS_A_SAVE):
            call, said = Call("+15550100"), min(EVENTS_A_CALL, left)
            for turn in range(1, said):
                call.hear(turn, "can you tell me when you are open tomorrow", 0.93, 120 + turn)
            calls.append(call)
            left -= said
            if left <= 0:
                break
        app.save(*calls)
    return int(app.recorder.max_notification_id() or 0)


def measure(environment: dict[str, str], events: int) -> dict[str, float]:
    """Fill, then follow."""
    app = Calls(environment)
    last = fill(app, events)
    began_s = time.perf_counter()
    with ProjectionRunner(
        application_class=Calls,
        projection_class=TimelineProjection,
        view_class=Timeline,
        env=environment,
    ) as runner:
        while (runner.view.max_tracking_id(runner.app_name) or 0) < last:  # its own wait backs off
            if runner.is_interrupted.wait(timeout=_LOOK_S):
                runner.run_forever()  # raises what it ended with
        took_s = time.perf_counter() - began_s
        with runner.view.datastore.get_connection() as db:
            found = db.execute("SELECT count(*) AS rows FROM public.timeline").fetchone()
    app.close()
    assert found is not None
    return {"events": events, "rows": found["rows"], "took_s": took_s}


def main() -> None:
    """The program."""
    folder, database, events = sys.argv[1:]
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": database,
        "POSTGRES_HOST": folder,
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": "",
    }
    print(json.dumps(measure(environment, int(events))))


if __name__ == "__main__":
    main()
