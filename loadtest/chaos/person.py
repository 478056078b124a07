"""How a person on the telephone behaves: asks, waits, and says it again when there is no answer."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from loadtest.chaos.sentences import BACK, GREETING, NOT_UNDERSTOOD, PARTS, Story, Utterance
from loadtest.chaos.telephone import Gateways, Telephone
from services.audio.frames import split
from services.audio.touch_tones import encode

PATIENCE_S: Final = 12.0  # of silence on a line that is up, before one says it again
ATTEMPTS: Final = 4
_COURTESY_S: Final = 1.5  # of silence after "we were cut off", before one says it again
_SETTLED_S: Final = 0.6  # of the agent's silence, before one speaks
_LOOK_S: Final = 0.1
_WORTH_NOTING_S: Final = 0.5


class Silence(NamedTuple):
    """The caller waited and heard nothing, though the line was up. UNIX times."""

    call: str
    from_s: float
    to_s: float
    gateway: str = ""  # which held the line at its end; a URL


class Person:
    """One caller, who places call after call: `stories` grows by each."""

    def __init__(self, number: int, gateways: Gateways, agent: str, seed: int) -> None:
        self.stories: Final[list[Story]] = []
        self.silences: Final[list[Silence]] = []
        self._number, self._gateways, self._agent = number, gateways, agent
        self._chance = random.Random(f"{seed}:{number}")

    async def talk(self, until_s: float) -> None:
        """Call and talk until `until_s`, then hang up once the last answer is heard."""
        await asyncio.sleep(self._chance.uniform(0, 3))
        while time.time() < until_s:
            await self._call(until_s)

    async def _call(self, until_s: float) -> None:
        story = Story(caller=self._number)
        self.stories.append(story)
        telephone = Telephone(self._gateways, self._agent, story, self._chance)
        running = asyncio.create_task(telephone.run())
        try:
            await self._converse(telephone, until_s)
            await telephone.hang_up()
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _converse(self, telephone: Telephone, until_s: float) -> None:
        heard = telephone.story.heard
        await self._wait(telephone, lambda: any(s.whole and s.text == GREETING for s in heard))
        for question in range(1, self._chance.randint(6, 12)):
            if time.time() > until_s or telephone.ended.is_set():
                return
            await self._ask(telephone, question)
            await asyncio.sleep(self._chance.uniform(0.1, 1.0))

    async def _ask(self, telephone: Telephone, question: int) -> None:
        """Ask until it is answered, with a code of its own each time."""
        for attempt in range(1, ATTEMPTS + 1):
            await _until_quiet(telephone)
            if telephone.ended.is_set():
                return
            said = await _say(telephone, question, attempt)
            if said.ended_s:
                await self._wait(telephone, settled(telephone, said))
            if answered(telephone.story, said):
                said.outcome = "answered"
                return
        said.outcome = "ended" if telephone.ended.is_set() else "again"

    async def _wait(self, telephone: Telephone, settled: Callable[[], bool]) -> None:
        """Until it is settled or patience is at its end; silences are noted."""
        began_s, silent_from_s = time.time(), 0.0
        while not settled() and not telephone.ended.is_set():
            if telephone.up and not telephone.playing:
                silent_from_s = max(began_s, telephone.up_s, telephone.heard_s)
            elif silent_from_s:
                self._note(telephone, silent_from_s)
                silent_from_s = 0.0
            if silent_from_s and time.time() - silent_from_s > PATIENCE_S:
                break
            await asyncio.sleep(_LOOK_S)
        if silent_from_s:
            self._note(telephone, silent_from_s)

    def _note(self, telephone: Telephone, from_s: float) -> None:
        to_s = time.time()
        if to_s - from_s > _WORTH_NOTING_S:
            story = telephone.story
            gateway = story.legs[-1].gateway if story.legs else ""
            self.silences.append(Silence(story.call, from_s, to_s, gateway))


def answered(story: Story, said: Utterance) -> bool:
    """Every part of the reply was heard whole."""
    whole = {sentence.text for sentence in story.heard if sentence.whole}
    return all(said.code + part in whole for part in PARTS)


class Ear(Protocol):
    """What a caller knows of the line. Times are UNIX times."""

    @property
    def story(self) -> Story: ...
    @property
    def up(self) -> bool: ...
    @property
    def up_s(self) -> float: ...
    @property
    def playing(self) -> bool: ...
    @property
    def heard_s(self) -> float: ...


def settled(telephone: Ear, said: Utterance) -> Callable[[], bool]:
    """Answered; or the agent said that it did not understand, or answered something else.

    Or it said that the line was cut off, under the words just said, and no more: who hears that
    says them again. They may have gone with the gateway.
    """
    story, before = telephone.story, len(telephone.story.heard)
    spoken = {each.code for each in story.said}

    def beside(text: str, code: str) -> bool:
        return text in NOT_UNDERSTOOD or (text[-1:] in PARTS and code not in spoken)

    def is_settled() -> bool:
        if answered(story, said):
            return True
        since = [sentence for sentence in story.heard[before:] if sentence.whole]
        if any(beside(s.text, s.code) for s in since):
            return not telephone.playing
        told = story.broke_under(said) and any(s.text == BACK for s in since)
        return told and _quiet_s(telephone) > _COURTESY_S

    return is_settled


async def _say(telephone: Telephone, question: int, attempt: int) -> Utterance:
    """Say a code; what is left of it is lost when the line breaks."""
    leg = len(telephone.story.legs)
    said = Utterance(question=question, attempt=attempt, leg=leg, began_s=time.time())
    telephone.story.said.append(said)
    if await telephone.say(list(split(encode(said.code)))):
        said.ended_s = time.time()
    return said


async def _until_quiet(telephone: Telephone) -> None:
    """Wait for the line, and for the agent to finish."""
    while not telephone.ended.is_set():
        if _quiet_s(telephone) > _SETTLED_S:
            return
        await asyncio.sleep(_LOOK_S)


def _quiet_s(telephone: Ear) -> float:
    """For how long the agent has been silent on a line that is up."""
    if telephone.playing or not telephone.up:
        return 0.0
    return time.time() - max(telephone.heard_s, telephone.up_s)
