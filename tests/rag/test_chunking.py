"""Documents to pieces fit to be read out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import DocumentId
from contracts.knowledge import DocumentAdded
from services.rag.chunk import LONGEST, Piece, pieces


def document(text: str, title: str = "", *, plain: bool = False) -> DocumentAdded:
    return DocumentAdded(
        at_ms=0,
        document=DocumentId("doc"),
        title=title,
        media_type="text/plain" if plain else "text/markdown",
        text=text,
        sha256="",
    )


def test_each_heading_has_pieces_of_its_own_under_the_path_of_headings() -> None:
    text = "# Hours\n\nCall us.\n\n## Monday\n\nOpen.\n\n### Noon\n\nLunch.\n\n## Sunday\n\nClosed."
    assert pieces(document(text)) == [
        Piece("Hours", "Call us."),
        Piece("Hours > Monday", "Open."),
        Piece("Hours > Monday > Noon", "Lunch."),
        Piece("Hours > Sunday", "Closed."),
    ]


def test_the_documents_title_stands_above_unless_the_first_heading_repeats_it() -> None:
    assert pieces(document("# hours\n\nOpen.", "Hours")) == [Piece("hours", "Open.")]
    assert pieces(document("## Monday\n\nOpen.", "Hours")) == [Piece("Hours > Monday", "Open.")]


def test_markup_is_not_read_out() -> None:
    text = "We **gladly** [help](https://example.com) &amp; *listen*.<br>\nOnce `again`."
    assert pieces(document(text))[0].text == "We gladly help & listen. Once again."


def test_lists_and_tables_become_lines() -> None:
    text = "- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n"
    assert pieces(document(text))[0].text == "one\n\ntwo\n\na, b\n\nc, d"


def test_a_hash_in_a_code_block_is_no_heading() -> None:
    assert pieces(document("```\n# not a heading\n```"))[0] == Piece("", "# not a heading")


def test_a_heading_with_nothing_beneath_it_is_the_text() -> None:
    assert pieces(document("# Payment\n\n## We take cash only")) == [
        Piece("Payment", "We take cash only")
    ]


def test_a_long_section_is_cut_between_sentences_into_like_lengths() -> None:
    sentences = [f"Sentence number {number} is about as long as this." for number in range(30)]
    cut = pieces(document(" ".join(sentences)))
    assert " ".join(piece.text for piece in cut) == " ".join(sentences)
    assert len(cut) == 3
    assert all(350 <= len(piece.text) <= LONGEST for piece in cut)
    assert all(piece.text.endswith("this.") for piece in cut)


def test_an_abbreviation_does_not_end_a_sentence() -> None:
    long = "Dr. Marsh sees you. " * 60
    assert all(piece.text.startswith("Dr. Marsh") for piece in pieces(document(long)))


def test_a_sentence_beyond_all_bounds_is_cut_between_words() -> None:
    cut = pieces(document("word " * 500))
    assert {word for piece in cut for word in piece.text.split()} == {"word"}
    assert all(len(piece.text) <= LONGEST for piece in cut)


@pytest.mark.parametrize("text", ["", " \n\n ", "# ", "#\n\n##\n", "<div></div>", "---"])
def test_a_document_without_words_has_no_pieces(text: str) -> None:
    assert pieces(document(text)) == []


@given(st.text(max_size=3000))
def test_plain_text_of_any_kind_is_covered_to_the_last_sign(text: str) -> None:
    cut = pieces(document(text, plain=True))
    assert "".join("".join(piece.text.split()) for piece in cut) == "".join(text.split())
    assert all(0 < len(piece.text) <= LONGEST for piece in cut)


@given(st.text(max_size=2000), st.text(max_size=50))
def test_markdown_of_any_kind_is_cut_without_complaint(text: str, title: str) -> None:
    assert all(0 < len(piece.text) <= LONGEST for piece in pieces(document(text, title)))


WORDS = st.lists(st.from_regex(r"[a-z]{2,12}", fullmatch=True), min_size=1, max_size=60)
BLOCK = st.tuples(st.sampled_from(["", "# ", "## ", "### ", "- ", "> "]), WORDS)


@given(st.lists(BLOCK, max_size=12))
def test_every_word_of_a_markdown_document_is_in_a_piece_or_above_one(
    blocks: list[tuple[str, list[str]]],
) -> None:
    text = "\n\n".join(mark + " ".join(words) for mark, words in blocks)
    said = {word for _, words in blocks for word in words}
    kept = {
        word for piece in pieces(document(text)) for word in re.findall(r"[a-z]+", " ".join(piece))
    }
    assert kept == said
