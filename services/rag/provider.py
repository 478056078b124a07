"""The port to embeddings: texts become places in a space where what means the same lies near."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import msgspec

from infra.outside import OutsideFailed

Vector: TypeAlias = list[float]


class EmbeddingFailed(OutsideFailed):
    """Texts could not be embedded. `retryable`: the same may succeed later."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an embedding can do, as data."""

    batch: int  # passages it takes at once
    local: bool = False  # computes here: no text leaves the machine


class Embedding(Protocol):
    """One model. All its vectors have one length; nearness is the cosine of their angle."""

    name: str  # the provider's, for messages and counts
    space: str  # names the model: vectors of different spaces are never compared
    capabilities: Capabilities

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """Places of what is searched, in order; at most `capabilities.batch` texts, none empty.

        Raises: EmbeddingFailed.
        """
        ...

    async def question(self, text: str) -> Vector:
        """The place of what is asked, which is not empty. Raises EmbeddingFailed.

        May be cancelled at any time: whoever asks has little patience.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
