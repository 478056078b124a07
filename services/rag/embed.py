"""What is found by its words: BM25 as sparse vectors, without a model."""

import re
import threading
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import snowballstemmer

from services.rag.stopwords import STOPWORDS


class Sparse(NamedTuple):
    """A vector whose other places are zero; `indices` are 32-bit and rise."""

    indices: list[int]
    values: list[float]


# ISO 639-1 to Snowball's names: https://snowballstem.org/algorithms/
_STEMMERS: Final = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian",
    "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sv": "swedish", "tr": "turkish",
}  # fmt: skip
_WORD: Final = re.compile(r"[^\W_]+")
# BM25's usual constants: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009
_K1: Final = 1.2
_B: Final = 0.75
_USUAL_TERMS: Final = 30  # in a piece; fixed, so that a new document changes no old vector


class Bm25:
    """Words as dimensions. The store weighs them by rarity (inverse document frequency).

    May be asked from several threads at once.
    """

    name = "bm25"  # of the vector in the store

    def __init__(self, language: str = "en") -> None:
        """`language`: ISO 639-1; one that Snowball does not know is searched by whole words."""
        algorithm = _STEMMERS.get(language)
        self._stemmer = snowballstemmer.stemmer(algorithm) if algorithm else None
        self._stopwords = STOPWORDS.get(language, frozenset())
        self._one_at_a_time = threading.Lock()  # a stemmer keeps the present word in itself

    def passages(self, texts: Sequence[str]) -> list[Sparse]:
        """Vectors of what is searched: term frequencies, saturated and freed from length."""
        return [self._weighed(self.terms(text)) for text in texts]

    def question(self, text: str) -> Sparse:
        """The vector of what is asked; empty when it holds no word worth searching.

        Each term counts once: a caller who repeats a word wants nothing else by it.
        """
        indices = sorted({_index(term) for term in self.terms(text)})
        return Sparse(indices, [1.0] * len(indices))

    def terms(self, text: str) -> list[str]:
        """Stems of the words that carry meaning, in order."""
        words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
        kept = [word for word in words if word not in self._stopwords and _tells(word)]
        if self._stemmer is None:
            return kept
        with self._one_at_a_time:
            return list(self._stemmer.stemWords(kept))

    def _weighed(self, terms: list[str]) -> Sparse:
        norm = _K1 * (1 - _B + _B * len(terms) / _USUAL_TERMS)
        counted = sorted(Counter(_index(term) for term in terms).items())
        return Sparse(
            [index for index, _ in counted],
            [count * (_K1 + 1) / (count + norm) for _, count in counted],
        )


def _tells(word: str) -> bool:
    """A single Latin letter is what an apostrophe left over."""
    return len(word) > 1 or not word.isascii() or word.isdigit()


def _index(term: str) -> int:
    """The same in every process and for ever: stored vectors depend on it."""
    return zlib.crc32(term.encode("utf-8", "surrogatepass"))
