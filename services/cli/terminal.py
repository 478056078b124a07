"""The terminal: one console for what people read, errors in one sentence."""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Any, Final, NoReturn, TypeVar

import uvloop
from rich.console import Console
from rich.logging import RichHandler

_FILE_WIDTH: Final = 120  # columns of what goes into a file or a pipe
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_WIDTH)
err: Final = Console(stderr=True, highlight=False)

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result], log_level: str) -> Result:
    """Run a command's coroutine on a fast loop, with logs on the error stream."""
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler = RichHandler(console=err, show_path=False) if err.is_terminal else plain
    logging.basicConfig(level=log_level, handlers=[handler])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say what is wrong and what to do, and exit."""
    err.print(f"[red]partyline:[/red] {sentence}", soft_wrap=True)
    raise SystemExit(code)
