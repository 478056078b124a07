"""nats-py's parser with a short way for messages that go to a synchronous callback."""

from typing import TYPE_CHECKING, Final

from nats.protocol.parser import (
    AWAITING_MSG_PAYLOAD,
    CRLF_SIZE,
    MAX_CONTROL_LINE_SIZE,
    Parser,
)

if TYPE_CHECKING:
    from infra.audio_client import AudioClient


_WORDS: Final = {b"MSG": 4, b"HMSG": 5}  # of a control line without a reply subject


class DirectParser(Parser):
    """Whole messages for a callback are cut out of what was read; nats-py parses all the rest.

    The protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol.
    """

    nc: "AudioClient"

    async def parse(self, data: bytes = b"") -> None:
        """Take what was read from the socket."""
        if self.state == AWAITING_MSG_PAYLOAD:
            missing = self.needed + CRLF_SIZE - len(self.buf)
            await super().parse(data[:missing])
            data = data[missing:]
        elif self.buf:
            data = bytes(self.buf) + data
            self.buf.clear()
        rest = data[self._hand_over(data) :]
        if rest:
            await super().parse(rest)

    def _hand_over(self, data: bytes) -> int:
        """Give messages to their callbacks, up to the first that is another's or not whole."""
        at = 0
        while (end := data.find(b"\r\n", at, at + MAX_CONTROL_LINE_SIZE)) >= 0:
            line = data[at:end].split()  # MSG subject number [reply] size; HMSG has two sizes
            named = _WORDS.get(line[0], 0) if line else 0
            if not named or not named <= len(line) <= named + 1:
                break
            try:
                number, size = int(line[2]), int(line[-1])
                header_size = int(line[-2]) if named == 5 else 0
            except ValueError:
                break
            take, begin = self.nc.taker(number), end + CRLF_SIZE
            if take is None or len(data) < begin + size + CRLF_SIZE:
                break
            reply = line[3] if len(line) > named else b""
            at = begin + size + CRLF_SIZE
            split = begin + header_size
            take(line[1], reply, data[split : begin + size], data[begin:split])
        return at
