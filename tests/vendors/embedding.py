"""What servers of embeddings have in common: texts in one JSON body, vectors in another."""

import asyncio
import json
from abc import abstractmethod
from typing import Any

from aiohttp import web
from vendors.places import place_of
from vendors.serving import Rejected, json_body
from vendors.strict import Exchange, StreamingVendor


class Texts(Exchange):
    """Texts to embed, and the script's means to answer."""

    content_type = "application/json"

    @property
    def texts(self) -> list[str]:
        given = self.body["input"]
        return [given] if isinstance(given, str) else given

    async def vectors(self, vectors: list[list[float]]) -> None:
        """The whole answer, in the vendor's form."""
        raise NotImplementedError

    async def json(self, answer: dict[str, Any]) -> None:
        await self.raw(json.dumps(answer).encode())

    async def never(self) -> None:
        """Keep the client waiting until it leaves."""
        await asyncio.Event().wait()


class EmbeddingVendor(StreamingVendor[Texts]):
    """Answers each request by `script`; by itself, with the places of the texts."""

    path: str
    form: type[Texts]

    def __init__(self) -> None:
        super().__init__(places)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(self.path, self.answer)]

    async def accept(self, request: web.Request) -> Texts:
        self.check_key(request)
        body = await json_body(request, self.invalid)
        self.check(body)
        return self.form(request, body)

    def check_key(self, request: web.Request) -> None:
        """Raises Rejected."""

    @abstractmethod
    def check(self, body: dict[str, Any]) -> None:
        """Raises Rejected for a body that the vendor would not take."""

    @abstractmethod
    def invalid(self, problem: str) -> Rejected:
        """The vendor's refusal of a body."""


async def places(asked: Texts) -> None:
    await asked.vectors([place_of(text) for text in asked.texts])
