"""Twilio Media Streams, bidirectional: https://www.twilio.com/docs/voice/media-streams

Numbers arrive as strings, sound as base64 of mu-law in 8 kHz. Three messages go back: media, mark
and clear. Twilio names no sizes; the limits here are far above what it sends.
"""

from binascii import b2a_base64
from typing import Annotated, Final, TypeAlias

import msgspec

from services.gateway.carrier import (
    BadCarrierMessage,
    CarrierMessage,
    Connected,
    Digit,
    Marked,
    Media,
    Started,
    Stopped,
    Unknown,
)

MESSAGE_LIMIT_BYTES: Final = 64 * 1024
MEDIA_LIMIT_BYTES: Final = 8000  # one second

_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
_Name = Annotated[str, msgspec.Meta(max_length=256)]
_Value = Annotated[str, msgspec.Meta(max_length=1024)]
_Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}\Z")]
_NotGiven = -1


class _Message(msgspec.Struct, tag_field="event", frozen=True):
    pass


class _Connected(_Message, tag="connected", frozen=True):
    pass


class _Format(msgspec.Struct, frozen=True):
    encoding: str
    sampleRate: int
    channels: int


class _Call(msgspec.Struct, frozen=True):
    callSid: _Id
    mediaFormat: _Format
    customParameters: Annotated[dict[_Name, _Value], msgspec.Meta(max_length=100)] = {}


class _Start(_Message, tag="start", frozen=True):
    streamSid: _Id
    start: _Call


class _Sound(msgspec.Struct, frozen=True, gc=False):
    payload: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MEDIA_LIMIT_BYTES)]
    timestamp: _Digits | int = _NotGiven
    track: str = "inbound"


class _Media(_Message, tag="media", frozen=True, gc=False):
    streamSid: str
    media: _Sound


class _Key(msgspec.Struct, frozen=True):
    digit: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#A-D]\Z")]


class _Dtmf(_Message, tag="dtmf", frozen=True):
    streamSid: str
    dtmf: _Key


class _Label(msgspec.Struct, frozen=True):
    name: _Name


class _Mark(_Message, tag="mark", frozen=True):
    streamSid: str
    mark: _Label


class _Stop(_Message, tag="stop", frozen=True):
    streamSid: str


class _Tag(msgspec.Struct, frozen=True):
    event: str


_Wire: TypeAlias = _Connected | _Start | _Media | _Dtmf | _Mark | _Stop
_KNOWN: Final = ("connected", "start", "media", "dtmf", "mark", "stop")
_wire: "Final[msgspec.json.Decoder[_Wire]]" = msgspec.json.Decoder(_Wire)
_tag: Final = msgspec.json.Decoder(_Tag)


class Twilio:
    """The protocol of Twilio's media socket."""

    name: Final = "twilio"

    def parse(self, payload: bytes) -> CarrierMessage:
        """What a text message says. Raises BadCarrierMessage."""
        try:
            return _meaning(_wire.decode(payload))
        except msgspec.ValidationError as broken:
            if _is_unknown(payload):
                return Unknown()
            raise BadCarrierMessage(_place(str(broken))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadCarrierMessage("not JSON in UTF-8") from None

    def media(self, stream: str, mulaw: bytes) -> bytes:
        """The message that has `mulaw` played after all that was sent before."""
        sound = b2a_base64(mulaw, newline=False)
        return b'{"event":"media","streamSid":"%b","media":{"payload":"%b"}}' % (
            stream.encode(),
            sound,
        )

    def mark(self, stream: str, name: str) -> bytes:
        """The message that asks for an echo. `name`: our own, without quotes."""
        return b'{"event":"mark","streamSid":"%b","mark":{"name":"%b"}}' % (
            stream.encode(),
            name.encode(),
        )

    def clear(self, stream: str) -> bytes:
        """The message that empties the buffer; Twilio then echoes all pending marks at once."""
        return b'{"event":"clear","streamSid":"%b"}' % stream.encode()


def _meaning(message: _Wire) -> CarrierMessage:
    match message:
        case _Media(streamSid=stream, media=sound):
            if sound.track != "inbound":
                return Unknown()
            return Media(stream, sound.payload, int(sound.timestamp))
        case _Mark(streamSid=stream, mark=label):
            return Marked(stream, label.name)
        case _Dtmf(streamSid=stream, dtmf=key):
            return Digit(stream, key.digit)
        case _Start():
            return _started(message)
        case _Stop(streamSid=stream):
            return Stopped(stream)
        case _Connected():
            return Connected()


def _started(message: _Start) -> Started:
    form = message.start.mediaFormat
    if (form.encoding, form.sampleRate, form.channels) != ("audio/x-mulaw", 8000, 1):
        raise BadCarrierMessage("wrong-rate audio: only audio/x-mulaw, 8000 Hz, 1 channel is taken")
    return Started(
        stream=message.streamSid,
        carrier_call=message.start.callSid,
        parameters=message.start.customParameters,
    )


def _is_unknown(payload: bytes) -> bool:
    """Whether a message that no struct fits is of a kind not known here."""
    try:
        return _tag.decode(payload).event not in _KNOWN
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # broken behind the place where the first look stopped


def _place(reason: str) -> str:
    """Where the protocol was broken: msgspec's path, without the value it may quote."""
    path = reason.rpartition(" - at ")[2].strip("`") if " - at " in reason else "$"
    return f"not as the carrier's protocol has it, at {path}"
