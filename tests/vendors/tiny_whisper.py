"""A Whisper model on disk whose weights know one sentence, made in a moment.

It is a CTranslate2 folder like any other: English, one layer, a vocabulary of a few words. All
weights are zero but those of the places in the answer: the token at each place follows from the
place alone, whatever the sound. So loading, features, encoder, decoder, tokenizer and the figures
of a segment are the real ones, and recognition is none.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, MELS, PLACES = 64, 80, 448
_SPECIALS = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip
_TIMES = [f"<|{place * 0.02:.2f}|>" for place in range(1501)]
_PROMPT = 2  # start of transcript, no timestamps


def make_model(folder: Path, words: str) -> Path:
    """Write the model; it hears `words` in everything."""
    from ctranslate2.specs import whisper_spec

    spoken = [f" {word}" for word in words.split()]
    tokens = [*dict.fromkeys(spoken), "<unk>", *_SPECIALS, *_TIMES]
    ids = {token: number for number, token in enumerate(tokens)}
    spec = whisper_spec.WhisperSpec(1, 2, 1, 2)
    _empty_encoder(spec.encoder)
    answer = [ids[token] for token in (*spoken, "<|endoftext|>")]
    _answering_decoder(spec.decoder, answer, len(tokens))
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.config.lang_ids, spec.config.alignment_heads = [ids["<|en|>"]], [(0, 0)]
    spec.validate()
    spec.optimize(quantization=None)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(ids)))
    return folder


class TinyWhisper:
    """A model as if it were a vendor: with nothing to script."""

    script = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder


@asynccontextmanager
async def tiny_whisper(words: str) -> AsyncIterator[TinyWhisper]:
    """A model for one test."""
    with TemporaryDirectory(prefix="partyline-tiny-whisper-") as folder:
        yield TinyWhisper(make_model(Path(folder), words))


def _answering_decoder(decoder: Any, answer: list[int], size: int) -> None:
    places = np.random.default_rng(1).standard_normal((PLACES, WIDTH)).astype(np.float32)
    decoder.embeddings.weight = _zeros(size, WIDTH)
    decoder.position_encodings.encodings = places
    decoder.projection.weight = _zeros(size, WIDTH)
    decoder.projection.bias = _zeros(size)
    for place, token in enumerate(answer, start=_PROMPT - 1):
        decoder.projection.weight[token] += places[place]
    layer = decoder.layer[0]
    _norm(decoder.layer_norm)
    _attention(layer.self_attention, 3 * WIDTH, WIDTH)
    _attention(layer.attention, WIDTH, 2 * WIDTH, WIDTH)
    _feed_forward(layer.ffn)


def _empty_encoder(encoder: Any) -> None:
    encoder.conv1.weight, encoder.conv1.bias = _zeros(WIDTH, MELS, 3), _zeros(WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = _zeros(WIDTH, WIDTH, 3), _zeros(WIDTH)
    encoder.position_encodings.encodings = _zeros(1500, WIDTH)
    _norm(encoder.layer_norm)
    _attention(encoder.layer[0].self_attention, 3 * WIDTH, WIDTH)
    _feed_forward(encoder.layer[0].ffn)


def _attention(spec: Any, *widths: int) -> None:
    _norm(spec.layer_norm)
    for linear, width in zip(spec.linear, widths, strict=True):
        linear.weight, linear.bias = _zeros(width, WIDTH), _zeros(width)


def _feed_forward(spec: Any) -> None:
    _norm(spec.layer_norm)
    spec.linear_0.weight, spec.linear_0.bias = _zeros(4 * WIDTH, WIDTH), _zeros(4 * WIDTH)
    spec.linear_1.weight, spec.linear_1.bias = _zeros(WIDTH, 4 * WIDTH), _zeros(WIDTH)


def _norm(spec: Any) -> None:
    spec.gamma, spec.beta = np.ones(WIDTH, np.float32), _zeros(WIDTH)


def _zeros(*shape: int) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)


def _tokenizer(ids: dict[str, int]) -> dict[str, Any]:
    """In the format of Hugging Face's tokenizers: whole words, as they are."""
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [
        {"id": ids[token], "content": token, "special": True, **special}
        for token in (*_SPECIALS, *_TIMES)
    ]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": None, "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": ids, "unk_token": "<unk>"},
    }  # fmt: skip
