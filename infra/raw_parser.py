"""nats-py's parser with a short way for messages that are taken as they come."""

from typing import Any, Final

from nats.protocol.parser import AWAITING_CONTROL_LINE, CRLF_SIZE, Parser

_CRLF: Final = b"\r\n"


class RawParser(Parser):
    """Hands messages of raw subscriptions over in one go, without a regular expression, a copy of
    the buffer and a coroutine for each; all else is left to nats-py.

    Source: https://docs.nats.io/reference/reference-protocols/nats-protocol#msg
    """

    async def parse(self, data: bytes = b"") -> None:
        """What has come from the server."""
        if self.buf or self.state != AWAITING_CONTROL_LINE:
            data = await self._begun(data)
        if end := self._raw(data):
            data = data[end:]
        if data:
            await super().parse(data)

    async def _begun(self, data: bytes) -> bytes:
        """Let the message be whole that nats-py has the beginning of. Returns what is left."""
        if self.state == AWAITING_CONTROL_LINE:
            data = bytes(self.buf) + data
            self.buf.clear()
            return data
        missing: int = self.needed + CRLF_SIZE - len(self.buf)
        await super().parse(data[:missing])
        return data[missing:]

    def _raw(self, data: bytes) -> int:
        """Hand over the messages it begins with. Returns where the first other thing begins."""
        on_raw_of: Any = self.nc._on_raw.get
        at, size = 0, len(data)
        while (eol := data.find(_CRLF, at)) > 0:
            body = start = eol + CRLF_SIZE
            match data[at:eol].split(b" "):
                case b"HMSG", subject, sid, reply, head_bytes, all_bytes:
                    body += int(head_bytes)
                case b"HMSG", subject, sid, head_bytes, all_bytes:
                    reply, body = b"", body + int(head_bytes)
                case b"MSG", subject, sid, reply, all_bytes:
                    pass
                case b"MSG", subject, sid, all_bytes:
                    reply = b""
                case _:
                    return at
            end = start + int(all_bytes)
            on_raw = on_raw_of(int(sid))
            if on_raw is None or end + CRLF_SIZE > size:
                return at
            on_raw(subject, reply, data[body:end], data[start:body])
            at = end + CRLF_SIZE
        return at
