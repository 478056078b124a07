"""Places of texts in a space of a few directions, one a theme: an embedding that knows synonyms."""

import math
import re

THEMES = (
    {"price", "prices", "cost", "costs", "pounds", "expensive", "fee", "money", "charge"},
    {"open", "hours", "saturday", "sunday", "closed", "weekend", "when"},
    {"park", "parking", "car", "vehicle", "garage", "leave"},
    {"pain", "emergency", "hurts", "ache", "toothache", "tooth"},
    {"crown", "crowns", "cap", "filling", "implant"},
    {"bus", "train", "directions", "travel", "arrive"},
)
SIZE = 8


def place_of(text: str, size: int = SIZE) -> list[float]:
    """A vector of length 1; of words that belong to no theme, one that is near to nothing."""
    words = set(re.findall(r"\w+", text.lower()))
    told = [float(len(words & theme)) for theme in THEMES] + [0.0] * (size - len(THEMES))
    told[-1] = 0.0 if any(told) else 1.0
    length = math.sqrt(sum(one * one for one in told))
    return [one / length for one in told]
