"""The events of what the agent says word for word, and of what was heard of it."""

import re
from itertools import islice
from typing import Any, Final, Literal

from contracts import dialog
from contracts.agent import Agent
from contracts.dialog import ReplyKind
from contracts.line import PlaybackCleared
from contracts.recorded import DialogEvent
from services.call.phrases import fill, names
from services.call.sentences import split
from services.call.state import Reply, Speaking, Talk
from services.call.voices import voice_for

_MS_PER_CHARACTER: Final = 60  # common speed of speech, for a sentence still being synthesised
_WORD: Final = re.compile(r"\S+")


def say(
    at_ms: int,
    talk: Talk,
    agent: Agent,
    kind: ReplyKind,
    template: str,
    values: dict[str, Any] | None = None,
    *,
    turn: int | None = None,
) -> list[DialogEvent]:
    """A whole reply made of a phrase: begun, written sentence by sentence, finished."""
    text = fill(template, values or {}, talk.variables, agent.variables)
    fixed = not (names(template) & {*(values or {}), *talk.variables})
    number = talk.next_reply
    open_reply = talk.reply is not None and talk.reply.number == number
    written = talk.reply.sentences if open_reply and talk.reply else ()
    first = len(written) + 1
    voice = voice_for(agent, talk.language)
    sentences = [
        dialog.SentenceWritten(
            at_ms=at_ms, reply=number, sentence=place, text=text, voice=voice, fixed=fixed
        )
        for place, text in enumerate(split(text, talk.language), start=first)
    ]
    turn = talk.turn if turn is None else turn
    begun = dialog.ReplyBegun(at_ms=at_ms, reply=number, turn=turn, kind=kind)
    count = len(written) + len(sentences)
    finished = dialog.ReplyFinished(at_ms=at_ms, reply=number, sentences=count)
    return [*([] if open_reply else [begun]), *sentences, finished]


def afterwards(at_ms: int, state: Speaking, agent: Agent) -> list[DialogEvent]:
    """What follows when the caller has heard the reply: a goodbye or a transfer ends the line."""
    talk = state.talk
    match talk.reply:
        case Reply(kind="goodbye"):
            return [dialog.HangUpRequested(at_ms=at_ms, reason="goodbye")]
        case Reply(kind="transfer"):
            reason: Literal["misheard", "asked"] = (
                "misheard" if talk.failures >= agent.limits.failures else "asked"
            )
            to = agent.transfer.to
            return [dialog.TransferRequested(at_ms=at_ms, to=to, reason=reason)]
        case _:
            return []


def under_way(talk: Talk) -> Reply | None:
    """The reply that the caller has not heard to its end, if there is one."""
    return talk.reply if talk.reply and not talk.reply.over else None


def give_up(at_ms: int, talk: Talk, *, resumed: bool = False) -> list[DialogEvent]:
    """The events that end a reply nobody will hear any more, or only under another number."""
    reply = under_way(talk)
    if reply is None:
        return []
    heard = " ".join(reply.sentences[: reply.confirmed])
    interrupted = dialog.ReplyInterrupted(
        at_ms=at_ms, reply=reply.number, heard=heard, resumed=resumed
    )
    return [interrupted]


def cut(cleared: PlaybackCleared, reply: Reply) -> dialog.ReplyInterrupted:
    """The interruption with the words that the carrier's marks prove were heard."""
    return dialog.ReplyInterrupted(
        at_ms=cleared.at_ms,
        reply=reply.number,
        heard=" ".join([*reply.sentences[: max(cleared.sentence - 1, 0)], *_part(cleared, reply)]),
        sentence=cleared.sentence,
        played_ms=cleared.played_ms,
    )


def _part(cleared: PlaybackCleared, reply: Reply) -> list[str]:
    """The words of the cut sentence that were played, whole words only.

    The gateway counts them by the synthesiser's word times. Those come when all of the sentence is
    synthesised: of one that is cut before, and of a voice without word times, the words are
    estimated, as if each character took as long as any other.
    """
    if not 1 <= cleared.sentence <= len(reply.sentences) or cleared.played_ms <= 0:
        return []
    text = reply.sentences[cleared.sentence - 1]
    length_ms = cleared.sentence_ms
    if not cleared.whole:
        length_ms = max(length_ms, len(text) * _MS_PER_CHARACTER)
    if cleared.played_ms >= length_ms:
        return [text]
    if cleared.words is not None:
        return _first_words(text, cleared.words)
    heard = text[: int(len(text) * cleared.played_ms / max(length_ms, 1))]
    whole_words = heard.rpartition(" ")[0].strip()
    return [whole_words] if whole_words else []


def _first_words(text: str, count: int) -> list[str]:
    ends = [word.end() for word in islice(_WORD.finditer(text), count)]
    return [text[: ends[-1]]] if ends else []
