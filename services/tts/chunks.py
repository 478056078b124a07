"""A sentence's sound cut into the pieces that travel."""

from typing import Final

from services.audio.frames import CHUNK_BYTES, FRAME_BYTES, SAMPLE_RATE_HZ, SILENT_FRAME

_LEAD_S: Final = 0.1  # with less than this ahead of the caller's ear, sound is not held back


class Cutter:
    """Cuts one sentence; pieces are whole frames, CHUNK_BYTES at most.

    Sound goes out at once until it is well ahead of what can have been played; then in pieces of
    CHUNK_BYTES. So a synthesiser no faster than speech leaves no gaps, and a fast one costs few
    messages. A bit of sound is always kept for the last piece, because only the last may say that
    it is the last.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._played_out_s = 0.0  # when what was sent will have been played, if all goes well

    @property
    def held_bytes(self) -> int:
        """Of sound that came and did not go out yet."""
        return len(self._held)

    def add(self, mulaw: bytes, now_s: float) -> list[bytes]:
        """The pieces that can go out now that `mulaw` came; `now_s` on any steady clock."""
        self._held += mulaw
        pieces = []
        while self._ready_bytes() >= self._wanted_bytes(now_s):
            piece = self._take(min(self._ready_bytes(), CHUNK_BYTES))
            self._played_out_s = max(self._played_out_s, now_s) + len(piece) / SAMPLE_RATE_HZ
            pieces.append(piece)
        return pieces

    def finish(self) -> bytes:
        """The last piece: never empty, not always whole frames."""
        return self._take(len(self._held)) or SILENT_FRAME

    def _ready_bytes(self) -> int:
        return (len(self._held) - 1) // FRAME_BYTES * FRAME_BYTES

    def _wanted_bytes(self, now_s: float) -> int:
        return FRAME_BYTES if self._played_out_s - now_s < _LEAD_S else CHUNK_BYTES

    def _take(self, size: int) -> bytes:
        piece = bytes(self._held[:size])
        del self._held[:size]
        return piece
