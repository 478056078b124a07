"""The transcript of one call as its owner writes it."""

import asyncio
import logging
import time
from typing import Final

from contracts.claim import Claim
from contracts.event import OwnerClaimed
from contracts.ids import HostId
from contracts.journal import Journal, JournalUnavailable
from contracts.recorded import Message, TranscriptEvent
from contracts.transcript import RecogniserSwitched, TranscriptFinalized, UtteranceMisheard

_log: Final = logging.getLogger("partyline.stt")
_AWAY_S: Final = 0.5


class OwnedTranscript:
    """Appends to the family with the owner's epoch; a second owner makes that fail."""

    def __init__(
        self, journal: Journal, claim: Claim, host: HostId, *, epoch: int, last: int, settled: int
    ) -> None:
        self._journal, self._claim, self._host = journal, claim, host
        self.epoch: Final = epoch
        self.settled: Final = settled  # last utterance recorded before; 0: none
        self._switches = 0  # of recognisers, stored in this epoch
        self._last = last  # stream sequence of the family's newest message

    async def append(self, event: TranscriptEvent, *, nth: int) -> None:
        """Store the `nth` word on an utterance. Raises WrongVersion: somebody else owns the call.

        While the log is away it is tried again, without end: the caller's words must not be lost.
        """
        await self._store(event, f"{event.utterance}:{nth}")

    async def append_switch(self, event: RecogniserSwitched) -> None:
        """Store that another recogniser listens. As `append` otherwise."""
        self._switches += 1
        await self._store(event, f"switched:{self.epoch}:{self._switches}")

    async def _store(self, event: TranscriptEvent, which: str) -> None:
        claim = self._claim
        message = Message(by=self._host, events=(event,), epoch=self.epoch)
        id = f"{claim.call}:transcript:{which}"
        while True:
            try:
                stored = await self._journal.append(
                    claim.tenant, claim.call, "transcript", message, id=id, after=self._last
                )
            except JournalUnavailable:
                _log.warning("call %s: the log is away; trying again", claim.call)
                await asyncio.sleep(_AWAY_S)
                continue
            self._last = stored.sequence
            return


async def own(journal: Journal, claim: Claim, host: HostId) -> OwnedTranscript:
    """Become the owner, in the next epoch. Raises WrongVersion when another was quicker."""
    sequences, epoch, settled = [0], 0, 0
    stored_words = journal.read(claim.tenant, claim.call, "transcript", left_out=sequences.append)
    async for recorded in stored_words:
        sequences.append(recorded.sequence)
        for event in recorded.message.events:
            if isinstance(event, OwnerClaimed):
                epoch = max(epoch, event.epoch)
            elif isinstance(event, TranscriptFinalized | UtteranceMisheard):
                settled = max(settled, event.utterance)
    claimed = OwnerClaimed(at_ms=now_ms(), role="stt", host=host, epoch=epoch + 1)
    stored = await journal.append(
        claim.tenant,
        claim.call,
        "transcript",
        Message(by=host, events=(claimed,), epoch=epoch + 1),
        id=f"{claim.call}:transcript:owner:{host}:{epoch + 1}",
        after=sequences[-1],
    )
    return OwnedTranscript(
        journal, claim, host, epoch=epoch + 1, last=stored.sequence, settled=settled
    )


def now_ms() -> int:
    """UNIX time in milliseconds."""
    return time.time_ns() // 1_000_000
