"""When a caller is owed an answer, and what is done about it while none can come.

The caller's word, a key that counts as one, and a reply under way are what makes something due.
The phrase that tells them to wait is no reply: it gives way to the caller's first word, which is
heard by the rule of turns and cuts nothing, and to the agent's first sound.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from contracts.agent import Agent
from contracts.line import PlaybackCleared, PlaybackFinished, PlaybackStarted
from services.gateway.clock import now_ms
from services.gateway.ear import FellSilent, Heard
from services.gateway.mouth import Mouth
from services.gateway.playback import Progress
from services.gateway.waiting import Means, Waiting

_AWAITED_MS: Final = 5_000  # how long an answer of the agent is expected after the caller's words


class AnswerDue:
    """Watches one stint of a line. `open` and `end` it."""

    def __init__(
        self,
        mouth: Mouth,
        agent: Agent,
        active: Callable[[], bool],
        looked_after: Callable[[], Awaitable[bool]],
    ) -> None:
        """`active`: whether somebody speaks; `looked_after`: whether an answer can come."""
        self._mouth, self._looked_after = mouth, looked_after
        self._silence_s = agent.turns.silence_ms / 1000  # until a turn counts as ended
        self._waiting = Waiting(Means(self._may_come, active, mouth.hold))
        self._awaited_until_ms = now_ms() + _AWAITED_MS

    @property
    def awaited(self) -> bool:
        """Whether an answer is expected that nothing is heard of yet."""
        return now_ms() < self._awaited_until_ms

    def open(self) -> None:
        """The line is up: the agent speaks first."""
        self._waiting.begin()

    def end(self) -> None:
        """Nobody waits any more."""
        self._waiting.end()

    def log_away(self) -> None:
        """What happens on the line does not get into the log."""
        self._waiting.held_up()

    def heard(self, heard: Heard) -> None:
        """The caller speaks and waits for nothing, or has fallen silent."""
        if isinstance(heard, FellSilent):
            self._awaited_until_ms = now_ms() + _AWAITED_MS
            self._waiting.begin(self._silence_s)
        else:
            self._mouth.hush()
            self._waiting.end()

    def key_pressed(self) -> None:
        """The caller said something whole by a key."""
        self._mouth.hush()
        self._waiting.begin()

    def told(self, progress: Progress) -> None:
        """A reply began, went on or is over. The silence between its sentences is a wait too."""
        match progress:
            case PlaybackStarted():
                self._awaited_until_ms = 0
                self._waiting.begin()
            case PlaybackFinished() | PlaybackCleared():
                self._waiting.end()

    async def _may_come(self) -> bool:
        return not self._mouth.late and await self._looked_after()
