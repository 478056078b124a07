"""A sentence's sound cut into the pieces that travel."""

from services.audio.frames import CHUNK_BYTES, FRAME_BYTES, SILENT_FRAME


class Cutter:
    """Cuts one sentence; pieces are whole frames, CHUNK_BYTES at most.

    The first piece goes out as soon as there is a frame. After it a piece waits until it is as
    long as all before it: what is being played then lasts until it is ready, even when the
    synthesiser is no faster than speech. A bit of sound is always kept for the last piece, because
    only the last may say that it is the last.
    """

    def __init__(self) -> None:
        self.sent_bytes = 0
        self._held = bytearray()

    def add(self, mulaw: bytes) -> list[bytes]:
        """The pieces that can go out now that `mulaw` came."""
        self._held += mulaw
        pieces = []
        while self._ready_bytes() >= self._wanted_bytes():
            pieces.append(self._take(min(self._ready_bytes(), CHUNK_BYTES)))
        return pieces

    def finish(self) -> bytes:
        """The last piece: never empty, not always whole frames."""
        return self._take(len(self._held)) or SILENT_FRAME

    def _ready_bytes(self) -> int:
        return (len(self._held) - 1) // FRAME_BYTES * FRAME_BYTES

    def _wanted_bytes(self) -> int:
        return min(max(self.sent_bytes, FRAME_BYTES), CHUNK_BYTES)

    def _take(self, size: int) -> bytes:
        piece = bytes(self._held[:size])
        del self._held[:size]
        self.sent_bytes += size
        return piece
