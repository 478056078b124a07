"""Words as dimensions: BM25 without a model."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import DocumentId
from contracts.passages import Passage
from services.rag.embed import Bm25
from services.rag.rank import ranked

BM25 = Bm25()


def test_words_count_by_their_stem_and_small_words_not_at_all() -> None:
    assert BM25.terms("When are you OPEN, on Saturdays?") == ["open", "saturday"]
    assert BM25.terms("What's the dentist's opening time") == ["dentist", "open", "time"]
    assert BM25.terms("I don't know") == []


def test_numbers_are_words() -> None:
    assert BM25.terms("at 9 for 45 pounds") == ["9", "45", "pound"]


@pytest.mark.parametrize(
    ("language", "text", "terms"),
    [
        ("de", "Öffnungszeiten", ["offnungszeit"]),
        ("fr", "horaires", ["horair"]),
        ("xx", "Saturdays are", ["saturdays", "are"]),
    ],
)
def test_each_language_has_its_stems(language: str, text: str, terms: list[str]) -> None:
    assert Bm25(language).terms(text) == terms


def test_a_question_shares_dimensions_with_the_passage_that_answers_it() -> None:
    [passage] = BM25.passages(["On Saturday we are open from nine."])
    question = BM25.question("is it open on saturdays")
    assert set(question.indices) <= set(passage.indices)
    assert question.values == [1.0, 1.0]


def test_a_word_said_twice_counts_more_but_not_twice() -> None:
    once, twice = BM25.passages(["crown price", "crown crown"])
    assert max(once.values) < max(twice.values) < 2 * max(once.values)


def test_a_long_text_counts_each_word_less() -> None:
    short, long = BM25.passages(["crown", "crown " + " ".join(f"word{n}" for n in range(99))])
    assert max(short.values) > max(long.values)


def test_another_process_makes_the_same_vector() -> None:
    code = "from services.rag.embed import Bm25; print(Bm25().question('open saturday').indices)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert told.stdout.strip() == str(BM25.question("open saturday").indices)


def test_threads_do_not_mix_their_words() -> None:
    texts = [f"opening number{n} saturdays crowns children" for n in range(200)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(BM25.question, texts)) == [BM25.question(text) for text in texts]


@given(st.text(max_size=500))
def test_any_text_becomes_a_vector_with_rising_places_and_weights_above_zero(text: str) -> None:
    for vector in [BM25.question(text), *BM25.passages([text])]:
        assert vector.indices == sorted(set(vector.indices))
        assert len(vector.indices) == len(vector.values)
        assert all(0 <= index < 2**32 for index in vector.indices)
        assert all(value > 0 for value in vector.values)


def passage(chunk: int, score: float) -> Passage:
    return Passage(document=DocumentId("d"), chunk=chunk, title="", text="", score=score)


def test_equals_stand_as_in_the_document_and_the_tail_is_left_out() -> None:
    found = [passage(3, 10.0), passage(1, 9.5), passage(2, 5.0), passage(0, 2.9)]
    assert [kept.chunk for kept in ranked(found)] == [1, 3, 2]
    assert ranked([]) == ()
