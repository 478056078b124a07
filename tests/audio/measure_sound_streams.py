"""What making a vendor's sound the telephone's takes: python tests/audio/measure_sound_streams.py

For each rate: milliseconds of sound that are inside after a second of 20 ms pieces, the delay of
the filter, CPU milliseconds for a second of sound, and how long one piece of 64 KiB, as a whole
file comes from a socket, occupies the event loop.
"""

import time

import numpy as np

from services.audio.streams import PcmStream

RATES_HZ = (16_000, 22_050, 24_000, 44_100, 48_000)
SECONDS = 20


def main() -> None:
    """Measure and print."""
    print(f"{'Hz':>6} {'held back ms':>13} {'delay ms':>9} {'CPU ms/s':>9} {'64 KiB ms':>10}")
    for rate_hz in RATES_HZ:
        held_ms, delay_ms = held_back_ms(rate_hz), delayed_ms(rate_hz)
        cpu_ms, piece_ms = cpu_ms_per_second(rate_hz), one_piece_ms(rate_hz)
        print(f"{rate_hz:>6} {held_ms:>13.3f} {delay_ms:>9.2f} {cpu_ms:>9.2f} {piece_ms:>10.2f}")


def held_back_ms(rate_hz: int) -> float:
    """After a second, most of all pieces."""
    stream, out_ms, held = PcmStream(rate_hz), 0.0, 0.0
    for number in range(1, 51):
        out_ms += len(stream.feed(bytes(rate_hz // 50 * 2))) / 8
        held = max(held, number * (rate_hz // 50) * 1000 / rate_hz - out_ms)
    return held


def delayed_ms(rate_hz: int) -> float:
    """How much later a click comes out than it went in."""
    pcm = np.zeros(rate_hz // 5, "<i2")
    pcm[rate_hz // 10 : rate_hz // 10 + rate_hz // 8_000] = 20_000
    heard = np.frombuffer(PcmStream(rate_hz).feed(pcm.tobytes()), np.uint8)
    loudest = int(np.argmin(heard & 0x7F))  # the smaller the seven bits, the louder
    return loudest / 8 - 100


def cpu_ms_per_second(rate_hz: int) -> float:
    """In pieces of 20 ms."""
    stream = PcmStream(rate_hz)
    piece = np.random.default_rng(1).integers(-9_000, 9_000, rate_hz // 50, "<i2").tobytes()
    stream.feed(piece)
    began = time.process_time()
    for _ in range(50 * SECONDS):
        stream.feed(piece)
    return (time.process_time() - began) * 1_000 / SECONDS


def one_piece_ms(rate_hz: int) -> float:
    """The median of several."""
    stream, taken = PcmStream(rate_hz), []
    for _ in range(15):
        began = time.process_time()
        stream.feed(bytes(65_536))
        taken.append((time.process_time() - began) * 1_000)
    return sorted(taken)[7]


if __name__ == "__main__":
    main()
