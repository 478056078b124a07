"""The terminal: one console for what people read, errors in one sentence."""

import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    import logging

_FILE_WIDTH: Final = 120  # columns of what goes into a file or a pipe
out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_WIDTH)
err: Final = Console(stderr=True, highlight=False)

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result], log_level: str) -> Result:
    """Run a command's coroutine on a fast loop, with logs on the error stream."""
    import asyncio  # these not before a command runs: `--help` is to be quick
    import logging

    import uvloop

    logging.basicConfig(level=log_level, handlers=[_log_handler()])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _log_handler() -> "logging.Handler":
    if err.is_terminal:
        from rich.logging import RichHandler

        return RichHandler(console=err, show_path=False)
    import logging

    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return plain


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say what is wrong and what to do, and exit."""
    err.print(f"[red]partyline:[/red] {escape(sentence)}", soft_wrap=True)
    raise SystemExit(code)
