"""The command line: the only place where everything meets."""

from services.cli import analytics_commands  # which brings its commands in
from services.cli.commands import main

__all__ = ["analytics_commands", "main"]
