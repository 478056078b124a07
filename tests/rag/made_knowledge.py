"""Made-up knowledge of any size: pieces with words as rare as in speech, and places in a space."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from contracts.ids import AgentId, DocumentId, TenantId
from services.rag.chunk import Piece
from services.rag.provider import Vector
from services.rag.store import Shelf

SHELF = Shelf(TenantId("demo"), AgentId("measured"))
SPACE = "made-up/384"
SIZE = 384  # of the vectors, as of bge-small and all-minilm
WORDS = 5_000
WORDS_IN_PIECE = 60  # of those that tell something
PIECES_IN_DOCUMENT = 20


class MadePiece(NamedTuple):
    """One piece and its place."""

    document: DocumentId
    chunk: int
    piece: Piece
    vector: Vector


def pieces(count: int, seed: int = 7) -> Iterator[MadePiece]:
    """The same for the same seed."""
    rng, places = random.Random(seed), np.random.default_rng(seed)
    for number in range(count):
        document, chunk = divmod(number, PIECES_IN_DOCUMENT)
        text = " ".join(_words(rng, WORDS_IN_PIECE))
        vector = places.standard_normal(SIZE)
        vector /= np.linalg.norm(vector)
        piece = Piece(f"Topic {document}", text)
        yield MadePiece(DocumentId(f"doc{document}"), chunk, piece, vector.tolist())


class Question(NamedTuple):
    """What a caller asks, and where that lies."""

    text: str
    meaning: Vector


def questions(count: int, near: list[Vector], seed: int = 8) -> list[Question]:
    """Each of five words, near to one of the places."""
    rng, places = random.Random(seed), np.random.default_rng(seed)
    return [
        Question(
            " ".join(_words(rng, 5)),
            (np.array(rng.choice(near)) + places.standard_normal(SIZE) * 0.03).tolist(),
        )
        for _ in range(count)
    ]


def _words(rng: random.Random, count: int) -> list[str]:
    """As Zipf has it: the nth word is said 1/n as often as the first."""
    return [f"word{int(WORDS ** rng.random())}" for _ in range(count)]
