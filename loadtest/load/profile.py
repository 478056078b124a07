"""Where the processor's time went in a run: microseconds by part, for a frame and for an append.

The kernel says how much of its CPU time a process spent in Python and C, and how much in system
calls. The former is shared out as its parts were seen at work. Pure.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from loadtest.load.parts import REST, Found, Of, parts
from loadtest.proc import Cost

KERNEL: Final = "system calls, the loop's and all others"
_REST_SHOWN: Final = 8  # frames


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A part's."""

    part: str
    of: Of
    samples: int
    cpu_s: float
    us: float  # for an append where it is done for that, else for a frame


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One program's. Servers that are not Python's have no shares."""

    program: str
    cpu_s: float  # in the kernel's account
    kernel_s: float  # of it in system calls
    us_per_frame: float  # all of it
    us_per_append: float  # all of it
    shares: tuple[Share, ...] = ()  # those seen, and system calls; together `cpu_s`
    seen_s: float = 0.0  # samples, unreadable ones as well, in seconds: near `cpu_s - kernel_s`,
    # or the shares are worth little
    waited_s: float = 0.0  # it had work and no core: seen as well, and no part's fault
    failed: int = 0  # samples that could not be read
    rest: Mapping[str, int] = {}  # samples of the rest, by innermost frame, the most frequent


class Stacks(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one program."""

    found: Found
    failed: int
    rate_hz: float
    waited_s: float


def profile(
    used: Mapping[str, Cost], stacks: Mapping[str, Stacks], frames: int, appends: int
) -> tuple[Profile, ...]:
    """Of all programs, those with stacks first. `frames`, `appends`: while `used` was used up."""
    ordered = sorted(used, key=lambda name: (name not in stacks, name))
    return tuple(_profile(name, used[name], stacks.get(name), frames, appends) for name in ordered)


def _profile(name: str, used: Cost, stacks: Stacks | None, frames: int, appends: int) -> Profile:
    whole = Profile(
        program=name,
        cpu_s=used.cpu_s,
        kernel_s=used.kernel_s,
        us_per_frame=_us(used.cpu_s, frames),
        us_per_append=_us(used.cpu_s, appends),
    )
    if stacks is None:
        return whole
    return msgspec.structs.replace(
        whole,
        shares=_shares(used, stacks.found, frames, appends),
        seen_s=(stacks.found.samples.total() + stacks.failed) / stacks.rate_hz,
        waited_s=stacks.waited_s,
        failed=stacks.failed,
        rest=dict(stacks.found.rest.most_common(_REST_SHOWN)),
    )


def _shares(used: Cost, found: Found, frames: int, appends: int) -> tuple[Share, ...]:
    samples = found.samples or {REST: 1}  # nothing seen: nothing is known of it
    each_s = (used.cpu_s - used.kernel_s) / sum(samples.values())

    def share(part: str, of: Of, cpu_s: float) -> Share:
        us = _us(cpu_s, appends if of == "append" else frames)
        return Share(part=part, of=of, samples=found.samples[part], cpu_s=cpu_s, us=us)

    seen = [part for part in parts() if part.name in samples]
    shares = [share(part.name, part.of, samples[part.name] * each_s) for part in seen]
    return (*shares, share(KERNEL, "both", used.kernel_s))


def _us(cpu_s: float, count: int) -> float:
    return round(cpu_s * 1e6 / count, 2) if count else 0.0
