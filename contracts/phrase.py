"""A phrase of an agent, wanted as sound outside any call.

subject  say.<tenant>        no stream: a request, answered by one synthesiser with the sound
                            (mu-law, 8 kHz, mono), with nothing when no voice could say it
asked    services/gateway    answered  services/tts
"""

import msgspec

from contracts.dialog import Voice


class PhraseWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Words that are no caller's."""

    text: str  # the whole phrase
    voice: Voice  # who is to say it, and who when it fails
