"""A voice for each of an agent's languages."""

from msgspec.structs import replace
from scenes import AGENT, GREETED, answered, back, found, given, lost, passage, rang, said, wrote

from contracts.agent import Agent
from contracts.dialog import SentenceWritten, Voice
from contracts.recorded import DialogEvent
from services.call.voices import voice_for

USUAL = Voice(provider="elevenlabs", name="Rachel")
HINDI = Voice(provider="sarvam", name="shubh")
GERMAN = Voice(provider="piper", name="de_DE-thorsten-medium")
AUSTRIAN = Voice(provider="espeak", name="de-at", language="de-AT")
VOICES = {"hi-IN": HINDI, "de": GERMAN, "de-AT": AUSTRIAN}


def agent(language: str) -> Agent:
    return replace(AGENT, languages=(language,), voice=USUAL, voices=VOICES)


def voices(events: list[DialogEvent]) -> list[Voice]:
    return [event.voice for event in events if isinstance(event, SentenceWritten)]


def test_the_exact_language_goes_before_what_it_is_a_part_of() -> None:
    assert voice_for(agent("de-AT"), "de-AT") == AUSTRIAN
    assert voice_for(agent("de-CH"), "de-CH").name == GERMAN.name
    assert voice_for(agent("de"), "de").name == GERMAN.name


def test_a_script_or_region_nobody_named_falls_back_step_by_step() -> None:
    chinese = replace(AGENT, voices={"zh-Hant": HINDI, "zh": GERMAN})
    assert voice_for(chinese, "zh-Hant-TW").name == HINDI.name
    assert voice_for(chinese, "zh-Hans-CN").name == GERMAN.name


def test_tags_are_the_same_in_any_case() -> None:
    assert voice_for(agent("HI-in"), "HI-in").name == HINDI.name


def test_a_language_without_a_voice_of_its_own_has_the_usual_one() -> None:
    assert voice_for(agent("fr-FR"), "fr-FR") == USUAL
    assert voice_for(agent("hi"), "hi") == USUAL
    assert voice_for(AGENT, "de-AT") == AGENT.voice


def test_the_voice_of_a_language_is_told_which_one_it_speaks() -> None:
    assert voice_for(agent("de-CH"), "de-CH").language == "de-CH"
    assert voice_for(agent("de-AT"), "de-AT-1996").language == "de-AT"


def test_a_call_is_greeted_and_answered_in_the_voice_of_its_language() -> None:
    hindi = agent("hi-IN")
    expected = replace(HINDI, language="hi-IN")
    ringing = given(rang(), agent=hindi)
    assert voices(ringing.when(answered())) == [expected, expected]
    asked = given(*GREETED, said("when are you open"), found(1, passage()), agent=hindi)
    assert voices(asked.when(wrote(2, "From nine to five."))) == [expected]


def test_who_was_cut_off_is_told_again_in_the_same_voice() -> None:
    call = given(rang(), answered(), lost(reply=1), agent=agent("hi-IN"))
    told = voices(call.when(back()))
    assert told
    assert {voice.name for voice in told} == {HINDI.name}
