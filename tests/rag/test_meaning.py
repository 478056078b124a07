"""A question's meaning within a deadline, and what happens without."""

from collections.abc import AsyncIterator

import pytest
from vendors.embedding import Texts
from vendors.openai_embeddings import OpenAIEmbeddings, error, openai_embeddings
from vendors.places import place_of

from services.rag.counts import Counts
from services.rag.meaning import Meaning
from services.rag.memory import Memory, mark_of
from services.rag.provider import EmbeddingFailed
from services.rag.providers.openai import OpenAIEmbedding

SECRET = "my secret crown"


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIEmbeddings]:
    async with openai_embeddings() as vendor:
        yield vendor


@pytest.fixture
async def embedding(vendor: OpenAIEmbeddings) -> AsyncIterator[OpenAIEmbedding]:
    embedding = OpenAIEmbedding(vendor.key, f"{vendor.url}/v1")
    yield embedding
    await embedding.close()


class Clock:
    """Time that passes when told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def meaning_of(
    embedding: OpenAIEmbedding, question_ms: int = 5_000, clock: Clock | None = None
) -> tuple[Meaning, Counts]:
    counts = Counts()
    meaning = Meaning(
        *(embedding, counts),
        question_ms=question_ms,
        remembered=2,
        clock_s=clock or Clock(),
    )
    return meaning, counts


async def test_a_question_is_embedded_once_however_it_is_written(
    vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding
) -> None:
    meaning, counts = meaning_of(embedding)
    assert await meaning.of_question("Crown price?") == place_of("crown price")
    assert await meaning.of_question("  crown PRICE ") == place_of("crown price")
    assert vendor.requests == 1
    assert counts.words_only == 0


async def test_only_so_many_questions_are_remembered(
    vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding
) -> None:
    meaning, _ = meaning_of(embedding)
    for question in ("one", "two", "three", "two", "one"):
        await meaning.of_question(question)
    assert [answer.texts for answer in vendor.answers] == [["one"], ["two"], ["three"], ["one"]]


async def test_an_embedding_that_is_slow_again_and_again_is_left_alone_for_a_while(
    vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.stalls, clock = True, Clock()
    meaning, counts = meaning_of(embedding, question_ms=20, clock=clock)
    assert [await meaning.of_question(SECRET) for _ in range(9)] == [None] * 9
    assert counts.words_only == 9
    # Tries, not requests: on a busy machine the time is over before the vendor has one.
    assert caplog.text.count("openai failed: timeout") == 3
    clock.now_s += 20
    assert await meaning.of_question(SECRET) is None
    assert caplog.text.count("openai failed: timeout") == 4  # one more try
    assert SECRET not in caplog.text


async def test_an_embedding_is_asked_again_when_it_said_it_may_be(
    vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding
) -> None:
    vendor.refusal, clock = error(429, "rate_limit_exceeded", **{"Retry-After": "40"}), Clock()
    meaning, counts = meaning_of(embedding, clock=clock)
    assert await meaning.of_question("crown") is None
    vendor.refusal, clock.now_s = None, 39
    assert await meaning.of_question("crown") is None
    clock.now_s = 41
    assert await meaning.of_question("crown") == place_of("crown")
    assert (vendor.requests, counts.words_only) == (2, 2)


async def test_a_question_that_is_known_needs_no_embedding_that_works(
    vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding
) -> None:
    meaning, counts = meaning_of(embedding)
    await meaning.of_question("crown")
    vendor.refusal = error(500, "server_error")
    assert await meaning.of_question("parking") is None
    assert await meaning.of_question("crown") == place_of("crown")
    assert counts.words_only == 1


async def test_silence_means_nothing(vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding) -> None:
    meaning, counts = meaning_of(embedding)
    assert await meaning.of_question(" ... ") is None
    assert (vendor.requests, counts.words_only) == (0, 0)


async def test_passages_go_in_batches_and_come_back_in_order(
    vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding
) -> None:
    meaning, _ = meaning_of(embedding)
    texts = ["crown", "parking"] * 70
    assert await meaning.of_passages(texts) == [place_of(text) for text in texts]
    assert [len(answer.texts) for answer in vendor.answers] == [128, 12]


async def test_vectors_that_are_not_those_asked_for_are_garbage(
    vendor: OpenAIEmbeddings, embedding: OpenAIEmbedding
) -> None:
    async def one_too_few(asked: Texts) -> None:
        await asked.vectors([place_of("crown")] * (len(asked.texts) - 1))

    vendor.script = one_too_few
    with pytest.raises(EmbeddingFailed, match="openai: garbled"):
        await embedding.passages(["crown", "parking"])


def test_what_was_not_asked_for_longest_is_forgotten_first() -> None:
    memory: Memory[str, int] = Memory(2)
    memory.put("one", 1)
    memory.put("two", 2)
    assert memory.get("one") == 1
    memory.put("three", 3)
    assert (memory.get("one"), memory.get("two"), memory.get("three")) == (1, None, 3)
    assert len(memory) == 2


def test_a_memory_of_nothing_remembers_nothing() -> None:
    memory: Memory[str, int] = Memory(0)
    memory.put("one", 1)
    assert memory.get("one") is None


@pytest.mark.parametrize(
    ("question", "same"),
    [("What's the price?", "what s the  PRICE"), ("Öffnungszeiten!", "öffnungszeiten")],
)
def test_questions_that_sound_the_same_are_the_same(question: str, same: str) -> None:
    assert mark_of(question) == mark_of(same)


def test_words_in_another_order_are_another_question() -> None:
    assert mark_of("is bread with cheese") != mark_of("is cheese with bread")


def test_a_mark_keeps_no_word() -> None:
    assert b"crown" not in mark_of("crown")
    assert mark_of(" ... ") == b""
