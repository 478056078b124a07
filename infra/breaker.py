"""Whether a provider is worth asking: a breaker for each, shared by the calls of a process. Pure.

Closed: it is asked. Open: it failed too often, or in a way that will not pass by itself, and is
asked only when nobody else is left. Half open, after a while: one call tries it for all.
Time arrives as seconds of any steady clock.
"""

from typing import Final, TypeAlias

import msgspec

FAILURES: Final = 3  # within WINDOW_S open the breaker
WINDOW_S: Final = 30.0
REST_S: Final = 10.0  # until one call tries again; doubled with each try that fails
LONGEST_REST_S: Final = 300.0
HOPELESS_REST_S: Final = 300.0  # a key is not mended, and no quota filled, by asking again
LONGEST_WAIT_S: Final = 3_600.0  # however much later the vendor says
TRIAL_S: Final = 30.0  # a try that was not reported by then is forgotten
_HOPELESS: Final = frozenset({"unauthorized", "quota"})
# Any other kind is about the request or the adapter's own: it says nothing of the next call's.
_SICK: Final = frozenset(
    {"rate_limited", "unavailable", "unreachable", "timeout", "disconnected", "garbled"}
)


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """It is asked."""

    failed_s: tuple[float, ...] = ()  # when, the newest last; a success forgets them


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """It is left alone until then."""

    until_s: float
    rest_s: float  # of the next opening, should the try fail


class HalfOpen(msgspec.Struct, frozen=True, kw_only=True):
    """One call tries it."""

    since_s: float
    rest_s: float


Breaker: TypeAlias = Closed | Open | HalfOpen


def admits(breaker: Breaker, now_s: float) -> bool:
    """Whether a call may ask the provider before all others."""
    match breaker:
        case Closed():
            return True
        case Open(until_s=until_s):
            return now_s >= until_s
        case HalfOpen(since_s=since_s):
            return now_s - since_s >= TRIAL_S


def asked(breaker: Breaker, now_s: float) -> Breaker:
    """A call asks the provider now: of one that was left alone, that is the try."""
    if isinstance(breaker, Closed) or not admits(breaker, now_s):
        return breaker
    return HalfOpen(since_s=now_s, rest_s=breaker.rest_s)


def answered(breaker: Breaker) -> Breaker:
    """It did what it was asked to do."""
    return breaker if breaker == Closed() else Closed()


def failed(breaker: Breaker, kind: str, now_s: float, retry_after_s: float | None) -> Breaker:
    """It failed. `retry_after_s`: when it wants to be asked again, where it said so."""
    if kind in _HOPELESS:
        return Open(until_s=now_s + HOPELESS_REST_S, rest_s=HOPELESS_REST_S)
    if kind not in _SICK:
        return let_go(breaker, now_s)
    if retry_after_s is not None:
        return Open(until_s=now_s + min(retry_after_s, LONGEST_WAIT_S), rest_s=REST_S)
    match breaker:
        case Closed(failed_s=failed_s):
            recent = (*(at_s for at_s in failed_s if now_s - at_s < WINDOW_S), now_s)
            return Closed(failed_s=recent) if len(recent) < FAILURES else _rest(REST_S, now_s)
        case HalfOpen(rest_s=rest_s):
            return _rest(rest_s, now_s)
        case Open():
            return breaker  # asked though it was open, because nobody else was left


def let_go(breaker: Breaker, now_s: float) -> Breaker:
    """A call asked and will not learn whether it answers: the next one may try."""
    if isinstance(breaker, HalfOpen):
        return Open(until_s=now_s, rest_s=breaker.rest_s)
    return breaker


def _rest(rest_s: float, now_s: float) -> Open:
    return Open(until_s=now_s + rest_s, rest_s=min(2 * rest_s, LONGEST_REST_S))
