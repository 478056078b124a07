"""How fast and in which language a voice speaks, as vendors want to be told."""

from contracts.dialog import Voice


def speed(voice: Voice, least: float, most: float) -> float | None:
    """The voice's speed as a multiple of the usual, within what a vendor takes; None: the usual."""
    usual_wpm = Voice().speed_wpm
    if voice.speed_wpm == usual_wpm:
        return None
    return round(min(max(voice.speed_wpm / usual_wpm, least), most), 2)


def language_code(voice: Voice) -> str:
    """ISO 639-1, of the voice's language; empty: the vendor finds out."""
    return voice.language.partition("-")[0].lower()
