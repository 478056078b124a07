"""PocketSphinx in a process of its own: sound in on stdin, words out on stdout.

    python -m services.stt.providers.pocketsphinx_worker

Turns of several calls are decoded side by side, each by a decoder of its own, as their sound
comes in; so the words of a turn are there a few milliseconds after its end. Ends when its parent
does: stdin is closed then.
"""

import signal
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO, Final

import pocketsphinx

from services.audio.mulaw import decode
from services.audio.resample import repeat_to_16_khz
from services.stt.providers.grammar import Grammar, known_pronunciations
from services.stt.providers.pipes import pack
from services.stt.providers.pocketsphinx_score import confidence
from services.stt.providers.pocketsphinx_wire import (
    Asked,
    End,
    Hear,
    Leave,
    Load,
    Loaded,
    Refused,
    Understood,
    asked,
)

_MODEL: Final = Path(pocketsphinx.get_model_path()) / "en-us"
_MOST_GRAMMAR_DECODERS: Final = 16  # at a time; 40 turns at once would fill a core
_MOST_DICTATION_DECODERS: Final = 1  # 150 MB each, and half a core while it hears
# The mean of telephone speech through mu-law (54 recordings, three voices): a turn that starts
# from here is understood as well as one that is normalised as a whole.
_CEPSTRAL_MEAN: Final = "41.14,1.58,2.15,4.85,1.35,-0.40,0.63,0.09,-3.44,1.88,-0.84,2.42,-0.16"


class Turn:
    """The sound of one ear's present turn."""

    def __init__(self, grammar: "LoadedGrammar") -> None:
        self.grammar = grammar
        self.decoder: Any = None
        self.waiting = bytearray()  # sound that no decoder was free for
        self.ended = False


class LoadedGrammar:
    """A grammar's decoders; None: dictation. Turns beyond their number wait for one."""

    def __init__(self, said: Grammar | None) -> None:
        self.said = said
        self.most = _MOST_DICTATION_DECODERS if said is None else _MOST_GRAMMAR_DECODERS
        self.waiting: deque[tuple[int, Turn]] = deque()
        self._free: list[Any] = []
        self._made = 0
        self._folder = tempfile.TemporaryDirectory(prefix="partyline-words-")
        self.unknown: tuple[str, ...] = ()
        self._dictionary = _MODEL / "cmudict-en-us.dict"
        if said is not None:
            self.said = self._with_small_dictionary(said)
        self.release(self._make())

    def _with_small_dictionary(self, said: Grammar) -> Grammar:
        """Only the grammar's words: 134,000 fewer to load, and a tenth of the memory."""
        with self._dictionary.open(encoding="utf-8") as lines:
            known = known_pronunciations(lines, said.words())
        self.unknown = tuple(sorted(said.words() - known.keys()))
        self._dictionary = Path(self._folder.name) / "words.dict"
        lines_kept = (line for of_word in known.values() for line in of_word)
        self._dictionary.write_text("\n".join(lines_kept) + "\n", encoding="utf-8")
        return said.of_known(frozenset(known))

    def take(self) -> Any:
        """A decoder that has begun a turn; None when all are at work."""
        if not self._free and self._made >= self.most:
            return None
        decoder = self._free.pop() if self._free else self._make()
        decoder.set_cmn(_CEPSTRAL_MEAN)
        decoder.start_utt()
        return decoder

    def release(self, decoder: Any) -> None:
        """Give a decoder back, its turn ended."""
        self._free.append(decoder)

    def _make(self) -> Any:
        self._made += 1
        settings: dict[str, Any] = {
            "hmm": str(_MODEL / "en-us"),
            "dict": str(self._dictionary),
            "samprate": 16_000,
            "loglevel": "FATAL",
            "lm": str(_MODEL / "en-us.lm.bin") if self.said is None else None,
        }
        decoder = pocketsphinx.Decoder(pocketsphinx.Config(**settings))
        if self.said is not None:
            decoder.add_jsgf_string("agent", self.said.jsgf())
            decoder.activate_search("agent")
        return decoder


class Worker:
    """All ears of this process."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._grammars: dict[int, LoadedGrammar] = {}
        self._turns: dict[int, Turn] = {}

    def handle(self, message: Asked) -> None:
        match message:
            case Load(grammar=number, said=said):
                self._load(number, said)
            case Hear(ear=ear, grammar=number, mulaw=mulaw):
                self._hear(ear, number, mulaw)
            case End(ear=ear):
                self._end(ear)
            case Leave(ear=ear):
                self._leave(ear)

    def _load(self, number: int, said: Grammar | None) -> None:
        try:
            loaded = LoadedGrammar(said)
        except (RuntimeError, ValueError) as failed:
            self._say(Refused(number, type(failed).__name__))
            return
        self._grammars[number] = loaded
        phrases = len(loaded.said.phrases) if loaded.said else 0
        self._say(Loaded(number, phrases, loaded.unknown))

    def _hear(self, ear: int, number: int, mulaw: bytes) -> None:
        turn = self._turns.get(ear)
        if turn is None:
            turn = self._turns[ear] = Turn(self._grammars[number])
            turn.decoder = turn.grammar.take()
            if turn.decoder is None:
                turn.grammar.waiting.append((ear, turn))
        if turn.decoder is None:
            turn.waiting += mulaw
        else:
            _process(turn.decoder, mulaw)

    def _end(self, ear: int) -> None:
        turn = self._turns.pop(ear, None)
        if turn is None:
            self._say(Understood(ear, "", 0.0))
        elif turn.decoder is None:
            turn.ended = True
        else:
            self._conclude(ear, turn)

    def _leave(self, ear: int) -> None:
        turn = self._turns.pop(ear, None)
        if turn is None:
            return
        if turn.decoder is None:
            turn.grammar.waiting.remove((ear, turn))
        else:
            turn.decoder.end_utt()
            self._free(turn)

    def _conclude(self, ear: int, turn: Turn) -> None:
        turn.decoder.end_utt()
        text, sure = _words(turn.decoder, turn.grammar.said)
        self._say(Understood(ear, text, sure))
        self._free(turn)

    def _free(self, turn: Turn) -> None:
        """Give the decoder back, and let the turns that wait have it."""
        grammar = turn.grammar
        grammar.release(turn.decoder)
        if not grammar.waiting:
            return
        ear, next_turn = grammar.waiting.popleft()
        next_turn.decoder = grammar.take()
        _process(next_turn.decoder, bytes(next_turn.waiting))
        if next_turn.ended:
            self._conclude(ear, next_turn)

    def _say(self, message: Loaded | Refused | Understood) -> None:
        self._out.write(pack(message))
        self._out.flush()


def _process(decoder: Any, mulaw: bytes) -> None:
    decoder.process_raw(repeat_to_16_khz(decode(mulaw)), False, False)


def _words(decoder: Any, said: Grammar | None) -> tuple[str, float]:
    heard = decoder.hyp()
    if heard is None or not heard.hypstr:
        return "", 0.0
    sure = confidence((s.word, s.start_frame, s.end_frame, s.ascore) for s in decoder.seg())
    if said is not None and not said.complete(heard.hypstr):
        sure /= 2  # the caller stopped within a sentence, or said something else
    return heard.hypstr, sure


def main() -> None:
    """Work until the parent closes stdin. Ctrl-C in a terminal is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(sys.stdout.buffer)
    for message in asked(sys.stdin.buffer):
        worker.handle(message)


if __name__ == "__main__":
    main()
