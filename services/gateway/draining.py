"""A gateway that stops: its lines are ended, handed over, or waited for and then handed over."""

import asyncio
import logging
from typing import Final

from services.gateway.gateway import Gateway

_log: Final = logging.getLogger("partyline.gateway")
_FAREWELL_S: Final = 5.0  # for the lines' last events
_LOOK_S: Final = 0.05


async def drain(gateway: Gateway) -> None:
    """Part with every line. Returns when their last events are written, or failed for too long."""
    match gateway.settings.drain:
        case "finish":
            await _finish(gateway)
            await _hand_over(gateway, 0.0)
        case "hand_over":
            await _hand_over(gateway, gateway.settings.drain_s)
        case "end":
            for line in gateway.lines:
                line.end("shutdown")
    await _written(gateway, _FAREWELL_S)
    if len(gateway.lines):
        _log.error("%d lines ended without their last events in the log", len(gateway.lines))


async def _finish(gateway: Gateway) -> None:
    _log.info("%d lines are waited for", len(gateway.lines))
    await _written(gateway, gateway.settings.drain_s)


async def _hand_over(gateway: Gateway, within_s: float) -> None:
    """Give up each line when nobody speaks on it, or at the latest after so long."""
    _log.info("%d lines are handed over", len(gateway.lines))
    try:
        async with asyncio.timeout(within_s):
            while lines := [line for line in gateway.lines if not line.over]:
                for line in lines:
                    if line.quiet:
                        line.hand_over()
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        for line in gateway.lines:
            line.hand_over()


async def _written(gateway: Gateway, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await gateway.lines.gone()
    except TimeoutError:
        _log.info("%d lines are still up", len(gateway.lines))
