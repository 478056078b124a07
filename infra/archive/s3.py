"""An archive in an S3-compatible store: Amazon's, MinIO, Ceph, R2 and others."""

import os
from collections.abc import Awaitable
from datetime import timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from infra.archive.errors import ArchiveAway, BadArchivePlace
from infra.archive.store import Object

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ABSENT: Final = (FileNotFoundError, NotFoundError)
_RETRIES: Final = 4
_TRIED_FOR: Final = timedelta(seconds=30)
Answer = TypeVar("Answer")


class S3:
    """infra.archive.store.Store in a bucket. Endpoint, region and credentials: AWS_ variables."""

    def __init__(self, place: str) -> None:
        address = urlsplit(place)
        if not address.hostname:
            raise BadArchivePlace("PARTYLINE_ARCHIVE must name a bucket: s3://bucket/prefix")
        self.place: str = place
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        try:
            self._store: Final = S3Store(
                address.netloc,
                prefix=address.path.strip("/") or None,
                endpoint=endpoint or None,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "connect_timeout": "5s",
                    "timeout": "120s",
                },
                retry_config={"max_retries": _RETRIES, "retry_timeout": _TRIED_FOR},
            )
        except BaseError as refused:
            raise BadArchivePlace(
                f"{place}: {type(refused).__name__}, see AWS_ variables"
            ) from None

    async def put(self, key: str, data: bytes) -> None:
        """See Store.put."""
        await self._answer(obstore.put_async(self._store, key, data, use_multipart=False))

    async def get(self, key: str) -> bytes | None:
        """See Store.get."""
        return await self._found(self._whole(key))

    async def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """See Store.get_range."""
        return await self._found(self._range(key, start, length))

    async def listing(self, prefix: str) -> list[Object]:
        """See Store.listing."""
        return sorted(await self._answer(self._listed(prefix)))

    async def delete(self, key: str) -> None:
        """See Store.delete."""
        await self._found(obstore.delete_async(self._store, key))

    async def _whole(self, key: str) -> bytes:
        answer = await obstore.get_async(self._store, key)
        return bytes(await answer.bytes_async())

    async def _range(self, key: str, start: int, length: int) -> bytes:
        try:
            found = await obstore.get_range_async(self._store, key, start=start, length=length)
        except BaseError:  # a file that ends before the range begins is refused, too
            if (await obstore.head_async(self._store, key))["size"] > start:
                raise
            return b""
        return bytes(found)

    async def _listed(self, prefix: str) -> list[Object]:
        found = []
        async for page in obstore.list(self._store, prefix or None):
            for each in page:
                changed_ms = each["last_modified"].timestamp() * 1000
                found.append(Object(each["path"], each["size"], changed_ms))
        return found

    async def _found(self, asked: Awaitable[Answer]) -> Answer | None:
        async def there() -> Answer | None:
            try:
                return await asked
            except _ABSENT:
                return None

        return await self._answer(there())

    async def _answer(self, asked: Awaitable[Answer]) -> Answer:
        """Retried within by the library. Its messages name URLs and keys; only the kind is told."""
        try:
            return await asked
        except _ABSENT:
            raise ArchiveAway(f"the archive {self.place}: there is no such bucket") from None
        except (BaseError, OSError) as failed:
            raise ArchiveAway(f"the archive {self.place}: {type(failed).__name__}") from None
