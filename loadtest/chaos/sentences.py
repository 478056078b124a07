"""Symbols heard, put together to sentences. Pure."""

from typing import Final, Literal

import msgspec

BEGIN: Final = "*"
END: Final = "#"
PARTS: Final = "ABC"  # of every reply to a code
GREETING: Final = "A0"
NOT_UNDERSTOOD: Final = ("B0", "B5")  # phrases after which one says it again
BACK: Final = "C0"
TURN_ENDS_S: Final = 1.5  # after the last symbol: silence that ends the turn, and its recording
LAST_SYMBOL_MS: Final = 40  # heard this long before the sentence's last sound is played


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """Something the agent said, as far as it was heard."""

    text: str  # without the symbols that begin and end it
    whole: bool
    leg: int  # the caller's connection it was heard on, starts at 1
    began_s: float  # when its first symbol was heard; UNIX time
    ended_s: float  # when it was heard to its end, or cut

    @property
    def code(self) -> str:
        """The code it answers; of a phrase, the phrase's."""
        return self.text[:-1] if self.text[-1:] in PARTS else self.text


class Listener:
    """One caller's ear for sentences."""

    def __init__(self) -> None:
        self._text: str | None = None  # None: between two sentences
        self._begun = False  # with its `*`: else it came from the middle of a sentence
        self._began_s = 0.0

    def hear(self, symbol: str, leg: int, at_s: float) -> list[Sentence]:
        """The sentences that this symbol ended: whole by `#`, cut by another one's `*`."""
        if symbol == BEGIN:
            ended = self.silence(leg, at_s)
            self._text, self._begun, self._began_s = "", True, at_s
            return ended
        if symbol == END:
            return self._end(leg, at_s, whole=self._begun)
        if self._text is None:
            self._text, self._began_s = "", at_s
        self._text += symbol
        return []

    def silence(self, leg: int, at_s: float) -> list[Sentence]:
        """Nothing more comes of what was begun: the sentence, if any, was cut."""
        return self._end(leg, at_s, whole=False) if self._text is not None else []

    def _end(self, leg: int, at_s: float, *, whole: bool) -> list[Sentence]:
        text, self._text, self._begun = self._text or "", None, False
        return [Sentence(text=text, whole=whole, leg=leg, began_s=self._began_s, ended_s=at_s)]


Outcome = Literal["answered", "again", "ended"]


class Utterance(msgspec.Struct, kw_only=True):
    """A code, said once."""

    question: int  # of the call, starts at 1
    attempt: int  # starts at 1; the same question asked again has a code of its own
    leg: int  # the connection it was begun on
    began_s: float
    ended_s: float = 0.0  # 0: the line broke before the last symbol was out
    outcome: Outcome = "again"

    @property
    def code(self) -> str:
        return f"{self.question % 1000:03d}{self.attempt % 10}"


class Leg(msgspec.Struct, kw_only=True):
    """One connection of the caller's line."""

    number: int  # starts at 1
    gateway: str
    up_s: float  # UNIX time
    down_s: float = 0.0  # 0: still up
    broke: bool = False  # down by no wish of the caller


class Story(msgspec.Struct, kw_only=True):
    """All that happened in one call, as its caller knows it."""

    call: str = ""
    caller: int = 0
    legs: list[Leg] = []
    said: list[Utterance] = []
    heard: list[Sentence] = []
    ended: str = ""  # hung_up: by the caller; else what ended the call against its wish
    ended_s: float = 0.0

    def broke_under(self, said: Utterance) -> bool:
        """Whether the line broke before the turn can have been known to be over."""
        leg = self.legs[said.leg - 1]
        return leg.broke and leg.down_s < said.ended_s + TURN_ENDS_S
