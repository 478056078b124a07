"""Caller frames that were on the line before this host listened, from the AUDIO stream."""

import contextlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import nats.errors

from contracts.ids import CallId, TenantId
from contracts.streams import AUDIO, audio_subject
from infra.again import ask_again
from infra.direct_get import direct_get, direct_last
from infra.journal import stored_ms_of
from infra.nats import Bus
from services.audio.frames import FRAME_MS, CallerSound, unpack_caller

_MOST_FRAMES: Final = 3_000  # the stream keeps 15 s, that is 750, and some of them twice
_WAIT_S: Final = 0.5
_KEPT_MS: Final = AUDIO.max_age_s * 1_000
_MARGIN_MS: Final = 2_000  # how much longer than its sound lasts a turn may have been on its way


class Fetched(NamedTuple):
    """Frames in their order, each by itself.

    `whole`: there are no others; else the server fell silent.
    """

    frames: list[CallerSound]
    whole: bool


async def fetch(bus: Bus, tenant: TenantId, call: CallId, first: int) -> Fetched:
    """The frames from number `first` on that the stream or the gateway still holds."""
    subject = audio_subject(tenant, call, "caller")
    payloads: list[bytes] = []
    since_ms = await _since_ms(bus, subject, first)
    whole = since_ms is not None and await _from_stream(bus, subject, since_ms, payloads)
    if since_ms and whole and _lack(_in_order(payloads, first), first):  # stored earlier, perhaps
        whole = await _from_stream(bus, subject, 0.0, payloads)
    if not whole or _lack(_in_order(payloads, first), first):
        with contextlib.suppress(OSError, nats.errors.Error):
            async with contextlib.aclosing(ask_again(bus, subject, wait_s=_WAIT_S)) as again:
                payloads += [payload async for payload in again]
    return Fetched(_in_order(payloads, first), whole)


async def _since_ms(bus: Bus, subject: str, first: int) -> float | None:
    """When frame `first` was stored, or earlier; 0.0: all that the stream keeps is to be read.

    None: the stream does not answer, and is not waited for once more: the gateway has the frames.

    By its distance from the newest: reading all that the stream keeps of a call takes long when
    the calls of a dead host come all at once. After a pause of the sound it may have been earlier.
    """
    newest = direct_last(bus, AUDIO.name, [subject], wait_s=_WAIT_S)
    try:
        async with contextlib.aclosing(newest):
            async for message in newest:
                between = max(0, unpack_caller(message.data).number - first)
                before_ms = between * FRAME_MS + _MARGIN_MS
                return stored_ms_of(message) - before_ms if before_ms < _KEPT_MS else 0.0
    except ValueError:  # not a caller frame: the live path refuses it too
        return 0.0
    except (OSError, nats.errors.Error):
        return None
    return 0.0


async def _from_stream(bus: Bus, subject: str, since_ms: float, payloads: list[bytes]) -> bool:
    """Whether the stream gave all it has from that time on."""
    stored = direct_get(
        bus, AUDIO.name, subject, start_ms=since_ms, most=_MOST_FRAMES, wait_s=_WAIT_S
    )
    try:
        async with contextlib.aclosing(stored):
            async for message in stored:
                payloads.append(message.data)
    except (OSError, nats.errors.Error):
        return False
    return True


def _in_order(payloads: list[bytes], first: int) -> list[CallerSound]:
    frames = {frame.number: frame for frame in _frames(payloads, first)}
    return [frames[number] for number in sorted(frames)]


def _lack(frames: list[CallerSound], first: int) -> bool:
    """Whether the stream may be one that was made anew: frames are missing, or the first ones.

    Two stints of the line look like that, too.
    """
    return not frames or frames[-1].number - first >= len(frames)


def _frames(payloads: list[bytes], first: int) -> Iterator[CallerSound]:
    for payload in payloads:
        try:
            sound = unpack_caller(payload)
        except ValueError:  # not a caller frame: the live path refuses it too
            continue
        yield from (frame for frame in sound.frames() if frame.number >= first)
