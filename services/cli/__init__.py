"""The command line: the only place where everything meets."""

import services.cli.started as started  # before all that takes long
from services.cli import analytics_commands, log_commands  # which bring their commands in
from services.cli.commands import main

__all__ = ["analytics_commands", "log_commands", "main", "started"]
