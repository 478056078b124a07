"""The dashboards' JSON files, made from their definitions: python -m infra.grafana.build."""

import json
import sys
from pathlib import Path
from typing import Final

from infra.grafana.conversation import CONVERSATION
from infra.grafana.cost import COST
from infra.grafana.latency import LATENCY
from infra.grafana.operations import OPERATIONS
from infra.grafana.panel import Dashboard, as_json

DASHBOARDS: Final = (OPERATIONS, LATENCY, CONVERSATION, COST)
FOLDER: Final = Path(__file__).parent / "dashboards"


def file_of(dashboard: Dashboard) -> Path:
    """Where Grafana reads it."""
    return FOLDER / f"{dashboard.name}.json"


def render(dashboard: Dashboard) -> str:
    """The file's content."""
    return json.dumps(as_json(dashboard), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files; with --check exit 1 when one that is there is not current."""
    for each in DASHBOARDS:
        file = file_of(each)
        if "--check" not in sys.argv:
            file.write_text(render(each), "utf-8")
        elif not file.exists() or file.read_text("utf-8") != render(each):
            sys.exit(f"{file.name} is not current: run 'just catalogue' and commit it.")


if __name__ == "__main__":
    main()
