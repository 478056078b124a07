"""What Silero costs and what it is good for, beside energy alone:

python tests/audio/measure_voice_detectors.py [--voices FOLDER] [--music FOLDER]

Both detectors judge by the barge-in rule. `--voices`: WAV files of one utterance each, the
example's callers unless another is given; `--music`: WAV files that hold no speech.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sounds import NOISES, Sound, amplitudes, at, line, quiet

from services.audio import frames
from services.audio.silero import Silero
from services.audio.vad import Started, VadSettings, VoiceActivity
from services.audio.wav import read_wav

EXAMPLE = Path(__file__).parents[2] / "services/cli/example/voices"
RULE = VadSettings(minimum_rms=500, stop_ms=200, debounce_ms=0)
MODEL = Silero()
SHORTEST_S, LONGEST_S = 0.8, 90
DETECTORS: dict[str, Callable[[], VoiceActivity]] = {
    "energy": lambda: VoiceActivity(RULE),
    "silero": lambda: VoiceActivity(RULE, voice=MODEL.listen()),
}


def wavs(folder: Path) -> Iterator[tuple[str, Sound]]:
    """The first 90 s of each file that is long enough to hold a word."""
    for file in sorted(folder.rglob("*.wav")):
        sound = read_wav(file)[: LONGEST_S * frames.SAMPLE_RATE_HZ]
        if len(sound) > SHORTEST_S * frames.SAMPLE_RATE_HZ:
            yield file.stem, amplitudes([sound])


def starts(sound: list[bytes]) -> dict[str, list[int]]:
    """The frames in which each detector found that speech had started."""
    found: dict[str, list[int]] = {}
    for name, made in DETECTORS.items():
        detector = made()
        events = [detector.feed(frame) for frame in sound]
        found[name] = [event.frame for event in events if isinstance(event, Started)]
    return found


def costs() -> None:
    window, state = np.zeros(288, np.float32), np.zeros((2, 1, 128), np.float32)
    began = time.process_time()
    for _ in range(2_000):
        _, state = MODEL.probability(window, state)
    print(f"a window of 32 ms: {(time.process_time() - began) / 2_000 * 1e6:.0f} us")
    speech = [f for _, sound in wavs(EXAMPLE) for f in line(sound)]
    for what, sound in (("callers", speech), ("nobody", line(quiet(60, 60)))):
        for name, made in DETECTORS.items():
            detector, began = made(), time.process_time()
            for frame in sound:
                detector.feed(frame)
            each_us = (time.process_time() - began) / len(sound) * 1e6
            print(f"a frame of 20 ms, {what}, {name}: {each_us:.1f} us")


def voices(folder: Path) -> None:
    """How much later a voice is noticed, on lines with more and less noise."""
    for rms in (0, 20, 100, 300):
        later, missed = [], 0
        for _, sound in wavs(folder):
            sound = np.concatenate([quiet(4), sound, quiet(1)])
            found = starts(line(sound + quiet(len(sound) / frames.SAMPLE_RATE_HZ, rms)))
            energy = [frame for frame in found["energy"] if frame > 200]  # 4 s
            if energy and found["silero"]:
                later.append(found["silero"][0] - energy[0])
            missed += bool(energy) and not found["silero"]
        at_once = np.mean(np.array(later) == 0) * 100
        print(
            f"voices over noise of {rms} rms: {len(later) + missed}, missed {missed}, "
            f"at once {at_once:.0f} %, at most {max(later) * frames.FRAME_MS} ms later"
        )


def noises(music: Path | None) -> None:
    """False starts a minute."""
    sounds = {
        f"{noise.__name__} {level_db} dB": at(5000 * 10 ** (level_db / 20), noise(60))
        for noise in NOISES
        for level_db in (-10, -5, 0)
    }
    for name, sound in [*sounds.items(), *(wavs(music) if music else ())]:
        minutes = len(sound) / frames.SAMPLE_RATE_HZ / 60
        found = starts(line(quiet(1, 10), sound))
        told = ", ".join(f"{who} {len(when) / minutes:.1f}" for who, when in found.items())
        print(f"{name}: starts a minute: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, default=EXAMPLE)
    parser.add_argument("--music", type=Path)
    given = parser.parse_args()
    costs()
    voices(given.voices)
    noises(given.music)


if __name__ == "__main__":
    main()
