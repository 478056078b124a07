"""Call histories made up, yet valid: decided by the real rules, as the log would hold them.

histories     seed -> what each call's log holds; pure, so the same seed gives the same bytes
generate      the same written into a log, as calls that go on side by side write it
houses/       the agents, and what is said to them; one file each
"""

from loadtest.generating.generate import Generated, generate, histories
from loadtest.generating.history import History

__all__ = ["Generated", "History", "generate", "histories"]
