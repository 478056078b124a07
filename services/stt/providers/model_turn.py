"""The present turn of a vendor that tells it whole each time, and ends it by itself."""

import msgspec

from services.stt.provider import Heard


class ModelTurn:
    """Makes of a vendor's news of a turn what the port wants to know.

    News that changes nothing is no draft: it would take back a likely end that still stands.
    """

    def __init__(self) -> None:
        self._told = Heard(text="")  # as the vendor told it last
        self._given = ""  # words of the vendor's turn that went out in a final already

    def draft(self, told: Heard) -> tuple[Heard, ...]:
        """The turn's words so far, and with `eager` that it is probably over."""
        same_words = told.text == self._told.text
        if same_words and (self._told.eager or not told.eager):
            return ()
        self._told = told
        rest = self._rest_of(told)
        return (rest,) if rest.text else ()

    def resumed(self) -> tuple[Heard, ...]:
        """The turn that was probably over goes on."""
        if not self._told.eager:
            return ()
        self._told = msgspec.structs.replace(self._told, eager=False)
        return (self._rest_of(self._told),)

    def over(self, told: Heard, *, asked: bool) -> tuple[Heard, ...]:
        """The turn has ended; without any words it is one only if it was asked for."""
        final = msgspec.structs.replace(self._rest_of(told), final=True, eager=False)
        self._told, self._given = Heard(text=""), ""
        return (final,) if final.text or asked else ()

    def conclude(self) -> Heard:
        """The final of what was told until now. What the vendor adds is a turn of its own."""
        final = msgspec.structs.replace(self._rest_of(self._told), final=True, eager=False)
        self._given = self._told.text
        self._told = msgspec.structs.replace(self._told, eager=False)
        return final

    def _rest_of(self, told: Heard) -> Heard:
        # A vendor may begin the turn's text with a space: it is meant to be joined to the last.
        return msgspec.structs.replace(told, text=told.text.removeprefix(self._given).strip())
