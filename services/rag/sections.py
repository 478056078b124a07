"""A document as headings and the plain text beneath them, free of markup: fit to be read out."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from contracts.knowledge import DocumentAdded

_markdown: Final = MarkdownIt("commonmark").enable("table")


class Section(NamedTuple):
    """One heading's own text; `path`: the headings above it and itself, outermost first."""

    path: tuple[str, ...]
    blocks: tuple[str, ...]  # paragraphs, list items and table rows, in order


def sections(document: DocumentAdded) -> list[Section]:
    """The document's sections in order, under its title. None of them is empty."""
    if document.media_type == "text/plain":
        found = [Section((), _paragraphs(document.text))]
    else:
        found = _keep_what_says_something(list(_by_heading(_markdown.parse(document.text))))
    return [Section(_under(document.title, s.path), s.blocks) for s in found if s.blocks]


def _paragraphs(text: str) -> tuple[str, ...]:
    """Plain text cut at empty lines."""
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        if words := line.split():
            paragraphs[-1] += words
        elif paragraphs[-1]:
            paragraphs.append([])
    return tuple(" ".join(words) for words in paragraphs if words)


def _by_heading(tokens: list[Token]) -> Iterator[Section]:
    path: list[tuple[int, str]] = []  # level and words of each open heading
    blocks: list[str] = []
    level = 0  # of the heading whose words come next; 0: none
    for token, text in _texts(tokens):
        if token.type == "heading_open":
            level = int(token.tag[1:])
        elif level:
            yield Section(tuple(words for _, words in path), tuple(blocks))
            path = [*((above, words) for above, words in path if above < level), (level, text)]
            blocks, level = [], 0
        elif text:
            blocks.append(text)
    yield Section(tuple(words for _, words in path), tuple(blocks))


def _texts(tokens: list[Token]) -> Iterator[tuple[Token, str]]:
    """Headings' starts, and each block with its plain words. A table's row counts as one block."""
    row: list[str] | None = None
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            yield token, ", ".join(cell for cell in row if cell)
            row = None
        elif token.type == "inline" and row is not None:
            row.append(_plain(token))
        elif token.type == "inline":
            yield token, _plain(token)
        elif token.type in ("fence", "code_block"):
            yield token, " ".join(token.content.split())
        elif token.type == "heading_open":
            yield token, ""


def _plain(inline: Token) -> str:
    """The words of a block: links and emphasis keep theirs, tags and addresses have none."""
    words = "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in inline.children or ()
        if child.type != "html_inline"
    )
    return " ".join(words.split())


def _keep_what_says_something(found: list[Section]) -> list[Section]:
    """A heading with nothing beneath it, not even a deeper heading, is itself the text."""
    following = [*found[1:], Section((), ())]
    return [
        Section(section.path[:-1], section.path[-1:])
        if section.path
        and section.path[-1]
        and not section.blocks
        and len(after.path) <= len(section.path)
        else section
        for section, after in zip(found, following, strict=True)
    ]


def _under(title: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """The path below the document's title, which many documents repeat as their first heading."""
    title = " ".join(title.split())
    path = tuple(heading for heading in path if heading)
    repeated = bool(path) and path[0].casefold() == title.casefold()
    return path if repeated or not title else (title, *path)
