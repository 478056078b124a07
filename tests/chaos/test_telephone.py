"""The carrier's double obeys TwiML."""

from loadtest.chaos.telephone import Order, read_twiml


def test_a_stream_is_connected_and_its_action_asked_afterwards() -> None:
    order = read_twiml(
        '<Response><Connect action="http://o/after?call=c"><Stream url="ws://o/media">'
        '<Parameter name="call" value="c"/></Stream></Connect></Response>'
    )
    assert order == Order("ws://o/media", "http://o/after?call=c", {"call": "c"})


def test_a_redirect_is_followed_after_its_pause() -> None:
    order = read_twiml(
        '<Response><Say>wait</Say><Pause length="2"/><Redirect>http://o/x</Redirect></Response>'
    )
    assert order == Order(ask_url="http://o/x", pause_s=2.0)


def test_all_else_is_the_end() -> None:
    assert read_twiml("<Response><Hangup/></Response>") == Order()
