"""What a carrier sends during a call: read, checked, and what is no use counted."""

import logging
from typing import Final, TypeAlias

from services.gateway.carrier import (
    BadCarrierMessage,
    CarrierMessage,
    Connected,
    Digit,
    Marked,
    Media,
    Started,
    Stopped,
    Unknown,
)
from services.gateway.leg import Leg, ProtocolBroken

_log: Final = logging.getLogger("partyline.gateway")
_REFUSED_LIMIT: Final = 100  # broken messages in one call; a carrier that sends more is none
Said: TypeAlias = Media | Digit | Marked | Stopped


class Messages:
    """The messages of one media stream after its start."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._refused = self._ignored = 0

    @property
    def dropped(self) -> int:
        """How many were of no use."""
        return self._refused + self._ignored

    def read(self, payload: bytes) -> Said | None:
        """The message, or None when it is left out. Raises ProtocolBroken."""
        try:
            message = self._leg.carrier.parse(payload)
        except BadCarrierMessage as bad:
            self._refuse(str(bad))
            return None
        return self._checked(message)

    def _checked(self, message: CarrierMessage) -> Said | None:
        match message:
            case Media() | Digit() | Marked() | Stopped():  # the most frequent first
                if message.stream != self._leg.stream:
                    raise ProtocolBroken(1008, "a message for another stream")
                return message
            case Connected() | Unknown():
                self._ignored += 1  # what a carrier adds to its protocol must not end calls
                return None
            case Started():
                raise ProtocolBroken(1008, "a second start")

    def _refuse(self, reason: str) -> None:
        """Leave a message out. The first is logged: a flood of them must not flood the log."""
        self._refused += 1
        if self._refused == 1:
            _log.warning("call %s: carrier message refused: %s", self._leg.call, reason)
        if self._refused > _REFUSED_LIMIT:
            raise ProtocolBroken(1007, "too many broken messages")
