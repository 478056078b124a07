"""nats-py's parser with a short way for messages that are taken as they come."""

from nats.protocol.parser import AWAITING_CONTROL_LINE, CRLF_SIZE, Parser

from infra.raw_messages import hand_over


class RawParser(Parser):
    """Hands messages of raw subscriptions over in one go, without a regular expression, a copy of
    the buffer and a coroutine for each; all else is left to nats-py.

    Source: https://docs.nats.io/reference/reference-protocols/nats-protocol#msg
    """

    async def parse(self, data: bytes = b"") -> None:
        """What has come from the server."""
        if self.buf or self.state != AWAITING_CONTROL_LINE:
            data = await self._begun(data)
        if end := hand_over(data, self.nc._on_raw.get):
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
