"""What Twilio is told to do with a call: https://www.twilio.com/docs/voice/twiml"""

from aiohttp import web
from twilio.twiml.voice_response import Connect, VoiceResponse

_WAIT_S = 2
_AGAIN_S = 1


def stream(
    socket_url: str, after_url: str, status_url: str, parameters: dict[str, str], *, pause: bool
) -> web.Response:
    """Connect the caller to the media socket; ask at `after_url` what to do when that closes.

    Twilio asks there also when the socket breaks or was refused. The redirect is for carriers that
    know no action and go on to the next verb. `pause`: wait a little first.
    """
    answer, connect = VoiceResponse(), Connect(action=after_url, method="POST")
    if pause:
        answer.pause(length=_AGAIN_S)
    media = connect.stream(
        url=socket_url, status_callback=status_url, status_callback_method="POST"
    )
    for name, value in parameters.items():
        media.parameter(name=name, value=value)
    answer.append(connect)
    answer.redirect(after_url, method="POST")
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


def busy_tone() -> web.Response:
    """Leave the call unanswered, and unbilled: https://www.twilio.com/docs/voice/twiml/reject."""
    answer = VoiceResponse()
    answer.reject(reason="busy")
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
