"""The demo's conversation: what is played, and what must come of it."""

from typing import Final

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the recorded caller says."""

    recording: str  # name of a file in example/voices, without .wav
    said: str  # its words
    intent: str
    source: str = ""  # document the answer must come from; empty: none
    reply: str  # words the reply must hold
    after_ms: int | None = None  # spoken so long after the agent began to: a barge-in


SCRIPT: Final = (
    Line(
        recording="hello", said="hello good morning", intent="hello", reply="What can I do for you"
    ),
    Line(
        recording="opening-hours",
        said="when are you open on saturday",
        intent="opening_hours",
        source="opening-hours",
        reply="nine in the morning until one",
    ),
    Line(
        recording="prices",
        said="how much does a check up cost",
        intent="prices",
        source="prices",
        reply="forty five pounds",
    ),
    Line(
        recording="book-tuesday-ten",
        said="i would like to book a check up on tuesday at ten",
        intent="book",
        reply="Shall I book it",
    ),
    Line(recording="confirm", said="yes please book it", intent="yes", reply="It is booked"),
    Line(
        recording="tooth-pain",
        said="what should i do about tooth pain",
        intent="tooth_pain",
        source="emergencies",
        reply="salt water",
    ),
    Line(
        recording="parking",
        said="sorry stop please where can i park my car",
        intent="parking",
        source="parking-and-directions",
        reply="yard behind the house",
        after_ms=2_500,
    ),
    Line(
        recording="goodbye",
        said="thank you very much goodbye",
        intent="goodbye",
        reply="Goodbye",
    ),
)
BOOKING: Final = "book_appointment"
