"""Whether two ways of writing a number mean the same telephone."""

import re
from typing import Final

import phonenumbers

from services.cli.not_erased import BadNumber

_SEPARATORS: Final = re.compile(r"[\s().\-/]+")


def wanted_number(text: str) -> str:
    """A number as people write it, with its country code, in E.164; any other address as it is.

    Raises: BadNumber.
    """
    known = e164(text)
    if known is not None:
        return known
    if re.search(r"[a-z]", text, re.IGNORECASE):
        return text.strip().casefold()  # sip:alice@example.com, client:alice
    raise BadNumber("The number needs its country code, as in +49 30 1234567.")


def same_number(recorded: str, wanted: str) -> bool:
    """Whether a carrier's way of writing a number means what `wanted_number` returned."""
    plain = _SEPARATORS.sub("", recorded)
    if plain.isdecimal() and plain.isascii() and not plain.startswith("0"):
        plain = f"+{plain}"  # some carriers leave the plus out
    return (e164(plain) or recorded.strip().casefold()) == wanted


def e164(text: str) -> str | None:
    """None for what is no number with a country code."""
    plain = re.sub(r"^(tel:)?00", "+", _SEPARATORS.sub("", text))
    try:
        number = phonenumbers.parse(plain.removeprefix("tel:"), None)
    except phonenumbers.NumberParseException:
        return None
    number.extension = None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
