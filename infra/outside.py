"""Outside services: how they fail, and how one is found by its name and made when first wanted."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Generic, Protocol, TypeVar

import msgspec

Keys = Mapping[str, str]
"""Keys, addresses and folders of providers, by the names of their settings."""


class OutsideFailed(Exception):
    """A provider failed. Raised `from None`: its own message may carry the caller's words.

    `kind` is one of a few words, the same for all vendors: unauthorized (the key is rejected),
    quota (what was paid for is used up), rate_limited, refused (the request is wrong), unavailable
    (5xx), unreachable (no connection), timeout (no answer in time), disconnected (it broke off),
    garbled (no sense in the answer), or an adapter's own.
    """

    def __init__(
        self, provider: str, kind: str, *, retryable: bool, retry_after_s: float | None = None
    ) -> None:
        """`retryable`: the same may succeed later; `retry_after_s`: when, where the vendor says."""
        super().__init__(f"{provider}: {kind}")
        self.provider, self.kind, self.retryable = provider, kind, retryable
        self.retry_after_s = retry_after_s


class Closable(Protocol):
    """What an adapter of any port can do."""

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...


Port = TypeVar("Port", bound=Closable)


class Offer(msgspec.Struct, Generic[Port], frozen=True, kw_only=True):
    """One provider of a port."""

    make: Callable[[Keys], Port]  # imports its SDK: not before it is wanted
    needs: tuple[str, ...] = ()  # settings without which it is off
    package: str = ""  # the module its SDK is imported by
    extra: str = ""  # of ours, which installs it

    def lacks(self, keys: Keys) -> str:
        """What has to be done before it can be used; empty: nothing."""
        missing = [f"PARTYLINE_{name.upper()}" for name in self.needs if name not in keys]
        if missing:
            return f"set {' and '.join(missing)}"
        if self.package and importlib.util.find_spec(self.package) is None:
            return f"install it: pip install 'partyline[{self.extra}]'"
        return ""


class Offered(Mapping[str, Port]):
    """The providers of a port that can be used here, each made when it is first asked for."""

    def __init__(
        self,
        offers: Mapping[str, Offer[Port]],
        keys: Keys,
        wrapped: Callable[[Port], Port] = lambda port: port,
    ) -> None:
        """`wrapped`: what is given out in place of each adapter."""
        self._offers, self._keys, self._wrapped = offers, keys, wrapped
        self._made: dict[str, Port] = {}
        self.lacking: Final = {
            name: lacks for name, offer in offers.items() if (lacks := offer.lacks(keys))
        }

    def make_all(self) -> None:
        """Import and make all that can be used now: amid a call it would hold up all calls."""
        for name in list(self):
            self.get(name)

    def __getitem__(self, name: str) -> Port:
        """Raises KeyError for one that is unknown or lacks something."""
        if name not in self._made:
            if name in self.lacking or name not in self._offers:
                raise KeyError(name)
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Port:
        try:
            return self._wrapped(self._offers[name].make(self._keys))
        except ImportError as absent:
            self.lacking[name] = f"{absent.name} is not installed"
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._offers if name not in self.lacking)

    def __len__(self) -> int:
        return len(self._offers) - len(self.lacking)

    async def close(self) -> None:
        """Let go of what was made."""
        made, self._made = self._made, {}
        for provider in made.values():
            await provider.close()
