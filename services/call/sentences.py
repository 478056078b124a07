"""Text cut into sentences, whole or while it is being written."""

import sentencex


def split(text: str, language: str) -> list[str]:
    """The sentences of a finished text. `language`: BCP 47."""
    found = (sentence.strip() for sentence in sentencex.segment(_code(language), text))
    return [sentence for sentence in found if sentence]


class SentenceCutter:
    """Gives sentences as soon as the text after them shows that they are complete."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._text = ""

    def feed(self, delta: str) -> list[str]:
        """The sentences that `delta` completed."""
        self._text += delta
        if not any(mark in delta for mark in " \n"):
            return []  # a sentence is only known to be complete once something follows it
        pieces = list(sentencex.segment(_code(self._language), self._text))
        if len(pieces) < 2:
            return []
        self._text = pieces[-1]
        return [piece.strip() for piece in pieces[:-1] if piece.strip()]

    def rest(self) -> list[str]:
        """What is left when the text has ended."""
        text, self._text = self._text, ""
        return split(text, self._language)


def _code(language: str) -> str:
    return language.partition("-")[0].lower() or "en"
