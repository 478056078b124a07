"""When each word of a text ends, found from what a vendor says about the pieces it spoke."""

from services.tts.provider import WordTimes


class Alignment:
    """Takes characters or words with their times, in order, and finds the text's own words in them.

    Vendors cut words and treat punctuation in their own ways, so only letters and digits are
    compared.
    """

    def __init__(self, text: str) -> None:
        self._words = [_letters(word) for word in text.split()]
        self._said = ""
        self._ends_ms: list[int] = []  # one for each letter of `_said`

    def add(self, said: str, end_ms: float) -> None:
        """`said` was spoken, and ends `end_ms` into the audio of the whole text."""
        letters = _letters(said)
        latest_ms = self._ends_ms[-1] if self._ends_ms else 0
        self._said += letters
        self._ends_ms += [max(latest_ms, round(end_ms))] * len(letters)

    def times(self) -> WordTimes | None:
        """None where the vendor spoke other words than the text's, as with `45` for `forty-five`,
        or left some out."""
        if not self._said or self._said != "".join(self._words):
            return None
        ends_ms, at = [], 0
        for word in self._words:
            at += len(word)
            ends_ms.append(self._ends_ms[at - 1] if at else 0)
        return WordTimes(tuple(ends_ms))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
