"""Embeddings computed on this machine by onnxruntime, through fastembed. Nothing is downloaded.

The model is a folder the operator puts on disk: an ONNX export with its tokenizer, as on
https://huggingface.co/Qdrant or of any sentence-transformers model.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

from services.rag.provider import Capabilities, EmbeddingFailed, Vector
from services.rag.providers.answers import checked
from services.rag.providers.prefixes import prefixes_of

NAME: Final = "fastembed"
_MODEL_FILES: Final = ("model_optimized.onnx", "model.onnx", "onnx/model.onnx")
_NEEDED: Final = ("tokenizer.json", "tokenizer_config.json")
_EDGE_BYTES: Final = 1 << 20  # of each end of the model's file, to know it by


class FastEmbed:
    """One model in memory. It is loaded with the first text."""

    name = NAME
    capabilities = Capabilities(batch=8, local=True)  # few: a question waits for the batch at work

    def __init__(self, folder: str | Path, model: str = "", *, threads: int | None = None) -> None:
        """
        Args:   model: fastembed's name of what is in the folder; empty: the folder's own name and
                    what sentence-transformers left in it say how it is used.
                threads: the model computes with; None: as onnxruntime likes.
        Raises: EmbeddingFailed when the folder holds no model.
        """
        self._folder = Path(folder).expanduser()
        self._file = _model_file(self._folder)
        self._model, self._threads_each = model, threads
        self.space = f"{NAME}/{_fingerprint(self._folder / self._file)}"
        self._prefixes = prefixes_of(model or self._folder.name)
        # Two: a question is not to queue behind all batches of a document.
        self._threads = ThreadPoolExecutor(2, NAME)
        self._loading = asyncio.Lock()
        self._loaded: TextEmbedding | None = None

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """See services.rag.provider.Embedding.passages."""
        return await self._embed([self._prefixes.passage + text for text in texts])

    async def question(self, text: str) -> Vector:
        """See services.rag.provider.Embedding.question."""
        [vector] = await self._embed([self._prefixes.question + text])
        return vector

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _embed(self, texts: list[str]) -> list[Vector]:
        async with self._loading:
            model = self._loaded = self._loaded or await self._in_thread(self._load)
        vectors = await self._in_thread(lambda: _listed(model.embed(texts, batch_size=len(texts))))
        return checked(NAME, vectors, len(texts))

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except Exception as failure:  # onnxruntime's have no base; their texts may hold the words
            kind = f"the model failed: {type(failure).__name__}"
            raise EmbeddingFailed(NAME, kind, retryable=False) from None

    def _load(self) -> TextEmbedding:
        return TextEmbedding(
            self._model if self._is_fastembeds_own() else self._registered(),
            threads=self._threads_each,
            specific_model_path=str(self._folder),
            local_files_only=True,
            cuda=False,
        )

    def _is_fastembeds_own(self) -> bool:
        known = TextEmbedding.list_supported_models()
        return self._model.lower() in (model["model"].lower() for model in known)

    def _registered(self) -> str:
        """The name under which fastembed knows a model it does not ship."""
        known = {model["model"] for model in TextEmbedding.list_supported_models()}
        if self.space not in known:
            TextEmbedding.add_custom_model(
                self.space,
                pooling=_pooling(self._folder),
                normalization=True,
                sources=ModelSource(url="file:"),  # it wants one; the folder is what counts
                dim=0,  # read by nobody here
                model_file=self._file,
            )
        return self.space


def _model_file(folder: Path) -> str:
    missing = next((name for name in _NEEDED if not (folder / name).is_file()), None)
    file = next((name for name in _MODEL_FILES if (folder / name).is_file()), None)
    if missing or not file:
        lacks = missing or _MODEL_FILES[1]
        raise EmbeddingFailed(NAME, f"its folder has no {lacks}", retryable=False)
    return file


def _fingerprint(file: Path) -> str:
    """Another model, another name, wherever it lies: by the file's length and its two ends."""
    size = file.stat().st_size
    told = hashlib.sha256(str(size).encode())
    with file.open("rb") as content:
        told.update(content.read(_EDGE_BYTES))
        content.seek(max(0, size - _EDGE_BYTES))
        told.update(content.read())
    return told.hexdigest()[:16]


def _pooling(folder: Path) -> PoolingType:
    """How tokens' vectors become the text's: https://sbert.net, models.Pooling."""
    told = folder / "1_Pooling" / "config.json"
    if told.is_file() and json.loads(told.read_text()).get("pooling_mode_cls_token"):
        return PoolingType.CLS
    return PoolingType.MEAN


def _listed(vectors: Iterable[Any]) -> list[Vector]:
    return [vector.tolist() for vector in vectors]
