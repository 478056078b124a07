"""The command line: the only place where everything meets."""

from services.cli.commands import main

__all__ = ["main"]
