"""A text in pieces, for vendors that take no long one."""

import textwrap


def of_at_most(characters: int, text: str) -> list[str]:
    """The text in pieces of so many characters at most, cut between words where that can be."""
    if len(text) <= characters:
        return [text]
    return textwrap.wrap(text, characters, break_on_hyphens=False)
