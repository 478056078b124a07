"""The calls' keys as JetStream keeps them: one message a call, made once, deleted for ever."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import nats.errors
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from contracts.codec import encode
from contracts.ids import CallId
from contracts.journal import JournalUnavailable
from contracts.key import KeyEvent
from contracts.streams import KEYS, key_subject
from infra.direct_get import direct_last
from infra.nats import Bus

AWAY: Final = (TimeoutError, OSError, nats.errors.Error)
_ANSWER_S: Final = 0.5
_WRONG_SEQUENCE: Final = 10071
_NO_MESSAGE: Final = 10037
_NOT_DELETED: Final = 10057  # also: it is not there
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class CallKeys:
    """The KEYS stream."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, calls: Sequence[CallId]) -> dict[CallId, bytes]:
        """What is stored for each. Any copy may say what there is; only the leader, that nothing
        is: a copy may be behind, and then a call's words would be written in the clear."""
        subjects = {key_subject(call): call for call in calls}
        found: dict[CallId, bytes] = {}
        with contextlib.suppress(*AWAY):
            stored = direct_last(self._bus, KEYS.name, list(subjects), wait_s=_ANSWER_S)
            async with contextlib.aclosing(stored):
                async for message in stored:
                    subject = (message.headers or {})["Nats-Subject"]
                    found[subjects[subject]] = message.data
        missing = [(subject, call) for subject, call in subjects.items() if call not in found]
        answers = await asyncio.gather(*(self.last(subject) for subject, _ in missing))
        asked = zip(missing, answers, strict=True)
        return found | {call: each.data or b"" for (_, call), each in asked if each is not None}

    async def last(self, subject: str) -> RawStreamMsg | None:
        """By the stream's leader. Raises JournalUnavailable."""
        js = self._bus.nc.jetstream(timeout=_ANSWER_S)
        try:
            return await js.get_last_msg(KEYS.name, subject)
        except NotFoundError as absent:
            if absent.err_code != _NO_MESSAGE:  # there is no stream: nobody knows of any key
                raise JournalUnavailable("the KEYS stream is not there") from None
            return None
        except (*AWAY, APIError):
            raise JournalUnavailable("the keys did not answer") from None

    async def store(self, call: CallId, event: KeyEvent) -> bool:
        """False: there is a key, or the word that it was erased. Raises JournalUnavailable."""
        js = self._bus.nc.jetstream(timeout=_ANSWER_S)
        try:
            await js.publish(key_subject(call), encode(event), headers={_EXPECTED: "0"})
        except APIError as refused:
            if refused.err_code == _WRONG_SEQUENCE:
                return False
            raise JournalUnavailable(f"the keys refused, code {refused.err_code}") from None
        except AWAY:
            raise JournalUnavailable("the keys did not answer") from None
        return True

    async def delete(self, sequence: int) -> None:
        """The server overwrites its bytes. Raises JournalUnavailable."""
        try:
            await self._bus.js.delete_msg(KEYS.name, sequence)
        except APIError as refused:
            if refused.err_code != _NOT_DELETED:  # somebody else was quicker
                raise JournalUnavailable(f"the keys refused, code {refused.err_code}") from None
        except AWAY:
            raise JournalUnavailable("the keys did not answer") from None
