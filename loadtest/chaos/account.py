"""What a call's caller heard, held against what was said. Pure.

`lost`: a sentence of a reply that was never heard whole though the call went on and the caller did
not speak over it; or a code, said to its end over a line that stayed up, that got no reply at all.
`doubled`: a sentence heard whole twice. When a line breaks the platform repeats what the carrier's
marks had not confirmed in the log, so a sentence whose end was played less than 250 ms before its
line broke may come twice; that is counted apart, as `repeated_at_loss`. Where the log could take
nothing at that time (NATS elected a leader, the gateway's connection was cut), what counts is the
time at which it stopped to. In the same way a code counts as said into a broken line when the log
could take nothing from its end until the line broke: nobody but the gateway that died knew of it.
Of a gateway that was killed it takes nothing from then on; its callers may notice later.
Those are counted as `unrecorded`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from loadtest.chaos.sentences import (
    BACK,
    END,
    GREETING,
    LAST_SYMBOL_MS,
    NOT_UNDERSTOOD,
    PARTS,
    TURN_ENDS_S,
    Leg,
    Sentence,
    Story,
    Utterance,
)

_UNCONFIRMED_S: Final = 0.25 + LAST_SYMBOL_MS / 1000
_PHRASES: Final = (GREETING, BACK, *NOT_UNDERSTOOD)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong in a call."""

    what: str  # lost, doubled, disordered, unknown, dropped, unanswered
    call: str
    code: str
    at_s: float  # UNIX time
    why: str = ""


class Account(msgspec.Struct, kw_only=True):
    """Of one call, or the sum of several."""

    questions: int = 0
    answered: int = 0
    sentences: int = 0  # heard whole
    said_again: int = 0  # codes said another time
    not_understood: int = 0  # the agent asked again
    repeated_at_loss: int = 0
    unrecorded: int = 0  # codes that only a gateway knew of, which died
    broken_legs: int = 0
    wrong: list[Fault] = []

    def count(self, what: str) -> int:
        """How much of one kind went wrong."""
        return sum(1 for fault in self.wrong if fault.what == what)

    def add(self, other: "Account") -> None:
        """Take in another call's."""
        self.questions += other.questions
        self.answered += other.answered
        self.sentences += other.sentences
        self.said_again += other.said_again
        self.not_understood += other.not_understood
        self.repeated_at_loss += other.repeated_at_loss
        self.unrecorded += other.unrecorded
        self.broken_legs += other.broken_legs
        self.wrong += other.wrong


class Silent(NamedTuple):
    """The log took nothing from a gateway. UNIX times."""

    from_s: float
    until_s: float
    gateway: str = ""  # its URL; empty: nothing from any

    def hides(self, leg: Leg) -> bool:
        """Whether it is why nothing of the leg's end was recorded."""
        return self.gateway in ("", leg.gateway) and self.from_s <= leg.down_s <= self.until_s


def account(story: Story, silent: Sequence[Silent] = ()) -> Account:
    """Everything this caller said and heard."""
    whole = [sentence for sentence in story.heard if sentence.whole]
    account = Account(
        questions=len({said.question for said in story.said}),
        answered=len({said.question for said in story.said if said.outcome == "answered"}),
        sentences=len(whole),
        said_again=sum(1 for said in story.said if said.attempt > 1),
        not_understood=sum(1 for sentence in whole if sentence.text in NOT_UNDERSTOOD),
        broken_legs=sum(1 for leg in story.legs if leg.broke),
    )
    _doubled(story, whole, silent, account)
    for said in story.said:
        _missing(story, said, whole, silent, account)
    _order(story, whole, account)
    _strange(story, whole, account)
    if story.ended != "hung_up":
        account.wrong.append(_fault("dropped", story, "", story.ended_s, story.ended))
    return account


def _doubled(
    story: Story, whole: list[Sentence], silent: Sequence[Silent], account: Account
) -> None:
    newest: dict[str, Sentence] = {}
    meant = {*_PHRASES, *(said.code for said in story.said)}
    for sentence in (each for each in whole if each.code in meant):  # others: see _strange
        before = newest.get(sentence.text)
        newest[sentence.text] = sentence
        if before is None or sentence.text in (BACK, *NOT_UNDERSTOOD):
            continue
        if _at_a_loss(story, before, silent):
            account.repeated_at_loss += 1
        else:
            why = (
                f"first heard at {before.ended_s:.3f} on leg {before.leg}, again on {sentence.leg}"
            )
            account.wrong.append(_fault("doubled", story, sentence.text, sentence.ended_s, why))


def _at_a_loss(story: Story, sentence: Sentence, silent: Sequence[Silent]) -> bool:
    leg = story.legs[sentence.leg - 1]
    since = [each.from_s for each in silent if each.hides(leg)]
    return leg.broke and min([leg.down_s, *since]) - sentence.ended_s < _UNCONFIRMED_S


def _missing(
    story: Story,
    said: Utterance,
    whole: list[Sentence],
    silent: Sequence[Silent],
    account: Account,
) -> None:
    """What of the reply to a code was not heard, and whether that is anybody's fault but ours."""
    heard = {sentence.text for sentence in whole}
    missing = [said.code + part for part in PARTS if said.code + part not in heard]
    if not missing or said.outcome == "ended":
        return
    if len(missing) < len(PARTS):
        if not _spoken_over(story, said):
            for text in missing:
                account.wrong.append(_fault("lost", story, text, said.began_s, "cut or left out"))
    elif not said.ended_s or story.broke_under(said) or _asked_back(whole, said, story):
        pass
    elif _unrecorded(story, said, silent):
        account.unrecorded += 1
    else:
        why = "heard only in part" if _parts(story, said) else "never answered"
        account.wrong.append(_fault("lost", story, said.code, said.began_s, why))
    if _is_last_attempt(story, said):
        account.wrong.append(_fault("unanswered", story, said.code, said.began_s))


def _is_last_attempt(story: Story, said: Utterance) -> bool:
    attempts = [each for each in story.said if each.question == said.question]
    return attempts[-1] is said


def _spoken_over(story: Story, said: Utterance) -> bool:
    """Whether the caller spoke again while the reply was being said."""
    parts = _parts(story, said)
    until_s = max(part.ended_s for part in parts)
    return any(
        each is not said and parts[0].began_s < each.began_s < until_s + 1.0 for each in story.said
    )


def _parts(story: Story, said: Utterance) -> list[Sentence]:
    """What was heard of the reply, whole or cut."""
    return [sentence for sentence in story.heard if sentence.code == said.code]


def _unrecorded(story: Story, said: Utterance, silent: Sequence[Silent]) -> bool:
    """Whether the log took nothing from the end of it until the line broke."""
    leg = story.legs[said.leg - 1]
    return leg.broke and any(
        each.hides(leg) and each.from_s < said.ended_s + TURN_ENDS_S for each in silent
    )


def _asked_back(whole: list[Sentence], said: Utterance, story: Story) -> bool:
    """Whether the agent said that it had not understood this one."""
    later = [each.began_s for each in story.said if each.began_s > said.began_s]
    until_s = later[0] if later else float("inf")
    return any(s.text in NOT_UNDERSTOOD and said.began_s < s.ended_s < until_s for s in whole)


def _order(story: Story, whole: list[Sentence], account: Account) -> None:
    """Replies come in the order of their questions, and their sentences in theirs."""
    place = {said.code: at for at, said in enumerate(story.said)}
    first: dict[str, Sentence] = {}
    for sentence in whole:
        first.setdefault(sentence.text, sentence)
    newest = (-1, "")
    for sentence in first.values():
        if sentence.code not in place or sentence.text == sentence.code:
            continue
        at = (place[sentence.code], sentence.text[-1])
        if at < newest:
            account.wrong.append(_fault("disordered", story, sentence.text, sentence.ended_s))
        newest = max(newest, at)


def _strange(story: Story, whole: list[Sentence], account: Account) -> None:
    """Sentences nobody can have meant: no phrase, and to no code that was said.

    A code that was cut short by its line is understood as what was left of it.
    """
    codes = {said.code for said in story.said}
    torn = [said for said in story.said if not said.ended_s or story.broke_under(said)]
    for sentence in whole:
        known = sentence.text in _PHRASES or (
            sentence.code in codes and sentence.text != sentence.code
        )
        if known or any(set(sentence.code) <= set(said.code) for said in torn):
            continue
        account.wrong.append(
            _fault("unknown", story, sentence.text + END, sentence.ended_s, f"leg {sentence.leg}")
        )


def _fault(what: str, story: Story, code: str, at_s: float, why: str = "") -> Fault:
    return Fault(what=what, call=story.call, code=code, at_s=at_s, why=why)
