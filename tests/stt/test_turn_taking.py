"""When a caller's turn is over."""

from contracts.agent import Turns
from contracts.line import LineEnded, LineLost, SpeechEnded, SpeechStarted
from services.stt.provider import Heard
from services.stt.turn import (
    Conclude,
    Deafened,
    EarChanged,
    Elapsed,
    FinalWords,
    Finish,
    Happening,
    Listen,
    Presume,
    Rest,
    Step,
    TakeBack,
    TurnTaking,
    Wake,
    step,
)

BY_SILENCE = TurnTaking(turns=Turns(stop_ms=200, silence_ms=500), end_of_turn=False)
PRESUMING = TurnTaking(
    turns=Turns(stop_ms=200, silence_ms=500, eager_ms=300), end_of_turn=False, presumes=True
)
BY_PROVIDER = TurnTaking(turns=Turns(stop_ms=200, silence_ms=500), end_of_turn=True)
HELLO = Heard(text="hello", final=True)
NOTHING = Heard(text="", final=True)
HUNG_UP = LineEnded(at_ms=1_600, reason="caller_hung_up")
LOST = LineLost(at_ms=1_600, reason="reset")


def started(utterance: int, at_ms: int, first_frame: int = 10) -> SpeechStarted:
    return SpeechStarted(at_ms=at_ms, utterance=utterance, first_frame=first_frame)


def ended(utterance: int, ended_ms: int) -> SpeechEnded:
    return SpeechEnded(at_ms=ended_ms + 200, utterance=utterance, last_frame=9, ended_ms=ended_ms)


def words(heard: Heard, now_ms: int = 0) -> FinalWords:
    return FinalWords(heard=heard, now_ms=now_ms)


class Given:
    def __init__(self, start: TurnTaking, *history: Happening) -> None:
        self.state = start
        for happening in history:
            self.state, _ = step(self.state, happening)

    def when(self, happening: Happening) -> tuple[Step, ...]:
        return step(self.state, happening)[1]


def test_a_caller_who_begins_to_speak_is_listened_to() -> None:
    assert Given(BY_SILENCE).when(started(1, 1_100)) == (Listen(10, new_turn=True),)


def test_the_silence_counts_from_the_last_loud_frame_and_not_from_the_news_of_it() -> None:
    late = SpeechEnded(at_ms=9_999, utterance=1, last_frame=9, ended_ms=1_500)
    assert Given(BY_SILENCE, started(1, 1_100)).when(late) == (Rest(9), Wake(2_200))


def test_a_turn_is_over_when_nothing_is_said_for_long_enough() -> None:
    pausing = Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500))
    assert pausing.when(Elapsed(now_ms=2_199)) == ()
    assert pausing.when(Elapsed(now_ms=2_200)) == (Finish(),)


def test_speech_within_the_silence_goes_on_with_the_same_turn() -> None:
    pausing = Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500))
    assert pausing.when(started(2, 2_000, 60)) == (Listen(60, new_turn=False),)


def test_a_turn_of_two_utterances_is_concluded_with_the_last() -> None:
    over = Given(
        BY_SILENCE,
        started(1, 1_100),
        ended(1, 1_500),
        started(2, 2_000),
        Elapsed(now_ms=2_200),
        ended(2, 2_600),
        Elapsed(now_ms=3_300),
    )
    assert over.when(words(HELLO)) == (Conclude(utterance=2, nth=1, ended_ms=2_600, heard=HELLO),)


def test_speech_after_the_silence_begins_a_new_turn_though_no_timer_went_off() -> None:
    pausing = Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500))
    assert pausing.when(started(2, 2_300, 60)) == (Finish(), Listen(60, new_turn=True))


def test_words_that_come_while_the_next_turn_is_spoken_belong_to_the_turn_before() -> None:
    speaking = Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500), started(2, 2_300))
    assert speaking.when(words(HELLO)) == (
        Conclude(utterance=1, nth=1, ended_ms=1_500, heard=HELLO),
    )


def test_a_turn_is_over_when_the_caller_hangs_up() -> None:
    assert Given(BY_SILENCE, started(1, 1_100)).when(HUNG_UP) == (Finish(),)
    assert Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500)).when(HUNG_UP) == (Finish(),)
    assert Given(BY_SILENCE).when(HUNG_UP) == ()


def test_what_was_said_when_the_line_broke_is_a_turn() -> None:
    assert Given(BY_SILENCE, started(1, 1_100)).when(LOST) == (Finish(),)
    assert Given(BY_SILENCE).when(LOST) == ()
    back = Given(BY_SILENCE, started(1, 1_100), LOST, words(HELLO))
    assert back.when(started(2, 9_000, 33_554_440)) == (Listen(33_554_440, new_turn=True),)


def test_a_recogniser_that_knows_the_end_of_a_turn_is_believed_before_the_silence_is_over() -> None:
    pausing = Given(BY_PROVIDER, started(1, 1_100), ended(1, 1_500))
    assert pausing.when(words(HELLO, 1_800)) == (
        Conclude(utterance=1, nth=1, ended_ms=1_500, heard=HELLO),
    )


def test_a_recogniser_that_ends_a_turn_while_it_is_loud_gives_the_time_itself() -> None:
    speaking = Given(BY_PROVIDER, started(1, 1_100))
    done = Conclude(utterance=1, nth=1, ended_ms=1_800, heard=HELLO)
    assert speaking.when(words(HELLO, 1_800)) == (done,)
    after = Given(BY_PROVIDER, started(1, 1_100), words(HELLO, 1_800))
    assert after.when(ended(1, 1_900)) == (Rest(9),)


def test_a_recogniser_that_says_nothing_of_a_turn_is_asked_after_a_longer_silence() -> None:
    speaking = Given(BY_PROVIDER, started(1, 1_100))
    assert speaking.when(ended(1, 1_500)) == (Rest(9), Wake(3_700))


def test_speech_too_soft_for_the_gateway_is_a_turn_when_there_are_words_in_it() -> None:
    quiet = Given(BY_PROVIDER, started(1, 1_100), ended(1, 1_500), words(HELLO))
    assert quiet.when(words(NOTHING, 5_000)) == ()
    assert quiet.when(words(HELLO, 5_000)) == (
        Conclude(utterance=1, nth=2, ended_ms=5_000, heard=HELLO),
    )


def test_a_recogniser_that_fails_leaves_the_awaited_turns_without_words() -> None:
    awaiting = Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500), Elapsed(now_ms=2_200))
    lost = Conclude(utterance=1, nth=1, ended_ms=1_500, heard=None)
    assert awaiting.when(Deafened(keep_newest=False)) == (lost,)
    assert awaiting.when(Deafened(keep_newest=True)) == ()


def test_what_a_former_host_recorded_is_not_recorded_again() -> None:
    taken_over = TurnTaking(turns=Turns(), end_of_turn=False, settled=3)
    assert Given(taken_over).when(started(3, 1_100)) == ()
    assert Given(taken_over).when(started(4, 1_100)) == (Listen(10, new_turn=True),)


def test_a_pause_is_as_long_as_the_recogniser_that_takes_over_wants_it() -> None:
    pausing = Given(BY_PROVIDER, started(1, 1_100), ended(1, 1_500))
    assert pausing.when(EarChanged(end_of_turn=False)) == (Wake(2_200),)
    pausing = Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500))
    assert pausing.when(EarChanged(end_of_turn=True)) == (Wake(3_700),)


def test_a_recogniser_that_takes_over_amid_speech_ends_the_turn_in_its_own_way() -> None:
    speaking = Given(BY_PROVIDER, started(1, 1_100), EarChanged(end_of_turn=False))
    assert speaking.when(ended(1, 1_500)) == (Rest(9), Wake(2_200))


def test_a_recogniser_that_takes_over_while_nobody_speaks_asks_for_nothing() -> None:
    assert Given(BY_SILENCE).when(EarChanged(end_of_turn=True)) == ()


def test_a_shorter_silence_lets_an_answer_be_prepared_and_the_turn_is_still_open() -> None:
    speaking = Given(PRESUMING, started(1, 1_100))
    assert speaking.when(ended(1, 1_500)) == (Rest(9), Wake(1_800))
    pausing = Given(PRESUMING, started(1, 1_100), ended(1, 1_500))
    assert pausing.when(Elapsed(now_ms=1_799)) == ()
    assert pausing.when(Elapsed(now_ms=1_800)) == (Presume(), Wake(2_200))
    presumed = Given(PRESUMING, started(1, 1_100), ended(1, 1_500), Elapsed(now_ms=1_800))
    assert presumed.state.presumed
    assert not presumed.state.over
    assert presumed.when(Elapsed(now_ms=2_200)) == (Finish(),)


def test_speech_after_the_shorter_silence_takes_back_that_the_turn_was_over() -> None:
    presumed = Given(PRESUMING, started(1, 1_100), ended(1, 1_500), Elapsed(now_ms=1_800))
    assert presumed.when(started(2, 2_000, 60)) == (TakeBack(), Listen(60, new_turn=False))
    assert not Given(presumed.state, started(2, 2_000)).state.presumed


def test_a_turn_that_is_over_stays_so_while_its_words_are_awaited() -> None:
    over = Given(
        PRESUMING,
        started(1, 1_100),
        ended(1, 1_500),
        Elapsed(now_ms=1_800),
        Elapsed(now_ms=2_200),
    )
    assert over.state.presumed
    assert not Given(over.state, words(HELLO)).state.presumed


def test_speech_after_the_whole_silence_takes_nothing_back() -> None:
    presumed = Given(PRESUMING, started(1, 1_100), ended(1, 1_500), Elapsed(now_ms=1_800))
    assert presumed.when(started(2, 2_300, 60)) == (Finish(), Listen(60, new_turn=True))


def test_a_shorter_silence_that_is_none_changes_nothing() -> None:
    long = Turns(stop_ms=200, silence_ms=500, eager_ms=900)
    pausing = Given(TurnTaking(turns=long, end_of_turn=False, presumes=True), started(1, 1_100))
    assert pausing.when(ended(1, 1_500)) == (Rest(9), Wake(2_200))
    over = Given(pausing.state, ended(1, 1_500))
    assert over.when(Elapsed(now_ms=2_200)) == (Finish(),)


def test_nothing_is_presumed_where_the_agent_does_not_wish_it() -> None:
    over = Given(BY_SILENCE, started(1, 1_100), ended(1, 1_500), Elapsed(now_ms=2_200))
    assert not over.state.presumed
