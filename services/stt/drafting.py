"""What the ear makes of the present turn, told live to those who watch. Nothing is stored."""

import contextlib

from contracts.claim import Claim
from contracts.codec import Codec
from contracts.ids import HostId
from contracts.recorded import Message
from contracts.seal import KeyWanted
from contracts.streams import DRAFT, live_subject
from contracts.transcript import TranscriptDrafted
from infra.nats import Bus
from services.stt.owned import now_ms


class Drafts:
    """One call's drafts. A draft may be lost: what follows from it is only made ready earlier."""

    def __init__(self, bus: Bus, codec: Codec, claim: Claim, host: HostId, epoch: int) -> None:
        self._bus, self._codec, self._claim = bus, codec, claim
        self._host, self._epoch = host, epoch
        self._newest = ""  # of the present turn

    def begin(self) -> None:
        """A turn begins: nothing is understood of it yet."""
        self._newest = ""

    def tell(self, text: str, utterance: int, *, eager: bool) -> None:
        """The ear understands so much. `eager`: the turn is probably over."""
        self._newest = text
        self._publish(text, utterance, eager=eager)

    def tell_again(self, utterance: int, *, eager: bool) -> None:
        """The same words, if there are any; only what is thought of the turn's end has changed."""
        if self._newest:
            self._publish(self._newest, utterance, eager=eager)

    def _publish(self, text: str, utterance: int, *, eager: bool) -> None:
        eager = eager and bool(text.strip())
        drafted = TranscriptDrafted(at_ms=now_ms(), utterance=utterance, text=text, eager=eager)
        message = Message(by=self._host, events=(drafted,), epoch=self._epoch)
        subject = live_subject(self._claim.tenant, self._claim.call, DRAFT)
        with contextlib.suppress(KeyWanted):  # a draft is not worth waiting: the next append does
            self._bus.pub(subject, self._codec.encode(self._claim.call, message))
