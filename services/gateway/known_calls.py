"""The carrier's ids of the newest calls, and ours."""

from collections import OrderedDict
from typing import Final

from contracts.ids import CallId, new_call_id

_LIMIT: Final = 20_000


class KnownCalls:
    """Remembers the newest 20,000 calls that rang at this gateway."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, CallId] = OrderedDict()

    def find(self, carrier_call: str) -> CallId | None:
        """The call with the carrier's id; None when it did not ring here."""
        return self._calls.get(carrier_call)

    def of(self, carrier_call: str) -> CallId:
        """The call with the carrier's id, a new one when it has not rung yet."""
        return self._calls.get(carrier_call) or self.remember(carrier_call, new_call_id())

    def remember(self, carrier_call: str, call: CallId) -> CallId:
        """From now on `carrier_call` is `call`."""
        self._calls[carrier_call] = call
        if len(self._calls) > _LIMIT:
            self._calls.popitem(last=False)
        return call
