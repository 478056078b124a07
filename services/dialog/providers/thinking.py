"""What a reasoning model thinks aloud, kept from being spoken.

Most servers give thoughts a field of their own, which adapters do not read. Some write them into
the reply between tags: Groq with `reasoning_format = "raw"`, and vLLM, llama.cpp and Ollama where
they do not know the model's format.
"""

from typing import Final

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class Thoughts:
    """Takes thoughts out of a text that comes in pieces."""

    def __init__(self) -> None:
        self._thinking = False
        self._held = ""  # the start of a tag, perhaps

    def strip(self, piece: str) -> str:
        """What may be spoken of the text so far and was not given before."""
        text, spoken = self._held + piece, ""
        self._held = ""
        while text:
            before, tag, after = text.partition(_CLOSE if self._thinking else _OPEN)
            if not tag:
                before, self._held = _hold_back(before, _CLOSE if self._thinking else _OPEN)
            spoken += "" if self._thinking else before
            self._thinking, text = self._thinking ^ bool(tag), after
        return spoken

    def rest(self) -> str:
        """What was held back, now that nothing follows."""
        held, self._held = self._held, ""
        return "" if self._thinking else held


def _hold_back(text: str, tag: str) -> tuple[str, str]:
    """Split off an end that may be the start of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:]):
            return text[:-length], text[-length:]
    return text, ""
