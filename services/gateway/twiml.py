"""What Twilio is told to do with a call: https://www.twilio.com/docs/voice/twiml"""

from aiohttp import web
from twilio.twiml.voice_response import Connect, VoiceResponse

_WAIT_S = 2


def stream(socket_url: str, after_url: str, call: str, token: str) -> web.Response:
    """Connect the caller to the media socket; ask at `after_url` what to do when that closes."""
    answer, connect = VoiceResponse(), Connect(action=after_url, method="POST")
    media = connect.stream(url=socket_url)
    media.parameter(name="call", value=call)
    media.parameter(name="token", value=token)
    answer.append(connect)
    return _response(answer)


def wait_and_ask(phrase: str, url: str) -> web.Response:
    """Say `phrase`, wait a little and ask again at `url`."""
    answer = VoiceResponse()
    answer.say(phrase)
    answer.pause(length=_WAIT_S)
    answer.redirect(url, method="POST")
    return _response(answer)


def say_and_hang_up(phrase: str) -> web.Response:
    """Say `phrase`; the call is over."""
    answer = VoiceResponse()
    answer.say(phrase)
    answer.hangup()
    return _response(answer)


def dial(number: str) -> web.Response:
    """Put the caller through to `number`."""
    answer = VoiceResponse()
    answer.dial(number)
    return _response(answer)


def hang_up() -> web.Response:
    """The call is over."""
    answer = VoiceResponse()
    answer.hangup()
    return _response(answer)


def _response(answer: VoiceResponse) -> web.Response:
    return web.Response(text=str(answer), content_type="text/xml")
