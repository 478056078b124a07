"""Whether a call still belongs to whom it belonged a moment ago, by the log itself."""

import time
from typing import Final

import nats.errors
from nats.js.errors import APIError

from contracts.codec import Unreadable, outline
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.streams import CALLS, Family, call_subject
from infra.cancelling import stop_if_cancelled
from infra.nats import Bus

_FRESH_S: Final = 0.2  # a new owner asks the old one for 0.3 s before it claims


async def still_owned(
    bus: Bus, tenant: TenantId, call: CallId, family: Family, host: HostId
) -> None:
    """Return when `host` wrote the family's newest message, as of less than 200 ms ago.

    For the moment before an effect that the log can't refuse: a new owner's first message is its
    claim. Whoever was paused in here for longer asks again.

    Raises: WrongVersion when somebody else has written since; JournalUnavailable.
    """
    subject = call_subject(tenant, call, family)
    while True:
        asked_s = time.monotonic()
        try:  # the stream's leader answers this, never a follower that may be behind
            last = await bus.js.get_last_msg(CALLS.name, subject)
        except (TimeoutError, OSError, nats.errors.Error, APIError):
            raise JournalUnavailable("the log did not answer") from None
        stop_if_cancelled()
        if _writer(last.data or b"") != host:
            raise WrongVersion(family)
        if time.monotonic() - asked_s < _FRESH_S:
            return


def _writer(payload: bytes) -> str | None:
    try:
        return outline(payload).by
    except Unreadable:
        return None  # nobody who owns the call writes what can't be read
