"""Qdrant's client, without fastembed: where that is installed the client imports it, and with it
onnxruntime and a hub's client, for embeddings that we never ask it for. That takes longer than all
the rest of it."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any


class _Refusing(MetaPathFinder):
    """Makes a package absent for one thread; others may import it at the same time."""

    def __init__(self, package: str) -> None:
        self._package, self._thread = package, threading.get_ident()

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """None: others are to look for it. Raises ModuleNotFoundError for the package."""
        if name == self._package and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is not wanted here", name=name)


@contextmanager
def _without(package: str) -> Iterator[None]:
    refusing = _Refusing(package)
    sys.meta_path.insert(0, refusing)
    try:
        yield
    finally:
        sys.meta_path.remove(refusing)


with _without("fastembed"):
    from qdrant_client import QdrantClient


def new_client(**where: Any) -> QdrantClient:
    """QdrantClient's own arguments; it is the caller's to close."""
    with _without("fastembed"):  # it looks for it again
        return QdrantClient(**where)
