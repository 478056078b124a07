"""Documents to pieces that can be read out: whole sentences, one section each."""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import sentencex
from semantic_text_splitter import TextSplitter

from contracts.knowledge import DocumentAdded
from services.rag.sections import Section, sections

LONGEST: Final = 600  # characters: about 40 seconds of speech
_cut_by_words: Final = TextSplitter(LONGEST)


class Piece(NamedTuple):
    """What is searched for and answered from. Its place in the document is its number."""

    title: str  # headings above, outermost first, joined by ' > '
    text: str  # at most LONGEST characters; paragraphs are parted by an empty line

    @property
    def whole(self) -> str:
        """What it is found by."""
        return f"{self.title}\n{self.text}"


def pieces(document: DocumentAdded, language: str = "en") -> list[Piece]:
    """The document's pieces in order. `language`: ISO 639-1, for where sentences end."""
    return [
        Piece(" > ".join(section.path), text)
        for section in sections(document)
        for text in _packed(section, language)
    ]


def _packed(section: Section, language: str) -> Iterator[str]:
    """The section's sentences in as few pieces as can be, of about equal length."""
    sentences = list(_sentences(section, language))
    length = sum(len(gap) + len(sentence) for gap, sentence in sentences)
    enough = length / math.ceil(length / LONGEST)
    piece = ""
    for gap, sentence in sentences:
        if piece and (len(piece) >= enough or len(piece + gap + sentence) > LONGEST):
            yield piece
            piece = ""
        piece += (gap if piece else "") + sentence
    yield piece


def _sentences(section: Section, language: str) -> Iterator[tuple[str, str]]:
    """Each sentence, with what parts it from the one before."""
    for block in section.blocks:
        gap = "\n\n"
        for sentence in sentencex.segment(language, block):
            for part in _at_most_longest(sentence.strip()):
                yield gap, part
                gap = " "


def _at_most_longest(sentence: str) -> list[str]:
    if len(sentence) <= LONGEST:
        return [sentence] if sentence else []
    return [part for part in _cut_by_words.chunks(sentence) if part]
