"""One reply as it comes from a model, and whether it is whole: the same for every vendor."""

from collections.abc import Iterable, Iterator

from services.dialog.provider import Delta, ModelError, ToolCall, Usage
from services.dialog.providers.thinking import Thoughts


class Reply:
    """Text on its way to be spoken, why the reply ended, and what it cost."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._thoughts = Thoughts()
        self._said = False
        self._reason = ""  # why it ended; empty: it has not
        self._spent: Usage | None = None

    def say(self, text: str) -> str:
        """What of the text may be spoken now: no thoughts."""
        return self._spoken(self._thoughts.strip(text))

    def end(self, reason: str) -> None:
        """The vendor says why there is no more: stop, tool_calls, length, content_filter."""
        self._reason = reason

    def spend(self, tokens_in: int, tokens_out: int) -> None:
        """What the vendor counted."""
        self._spent = Usage(tokens_in=tokens_in, tokens_out=tokens_out)

    def rest(self, calls: Iterable[ToolCall]) -> Iterator[Delta | ToolCall | Usage]:
        """What is left when the vendor is done: text held back, the tools asked for, the cost.

        `calls` is not looked at unless the reply is whole. Raises: ModelError when it is not.
        """
        if held := self._spoken(self._thoughts.rest()):
            yield Delta(held)
        cut = self._is_cut()
        if not cut:
            yield from calls
        if cut or self._spent:
            spent = self._spent or Usage(tokens_in=0, tokens_out=0)
            yield Usage(tokens_in=spent.tokens_in, tokens_out=spent.tokens_out, cut=cut)

    def _is_cut(self) -> bool:
        """Whether the words stop short. Raises ModelError where there is nothing to be said."""
        match self._reason:
            case "":
                raise ModelError(self._provider, "disconnected", retryable=True)
            case "content_filter":
                raise ModelError(self._provider, "filtered", retryable=False)
            case "length" if not self._said:  # all of it went into thoughts, or half a tool call
                raise ModelError(self._provider, "length", retryable=False)
            case reason:
                return reason == "length"

    def _spoken(self, text: str) -> str:
        self._said = self._said or bool(text.strip())
        return text
