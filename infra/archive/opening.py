"""The store that a setting names."""

from pathlib import Path

from infra.archive.errors import BadArchivePlace
from infra.archive.store import Store


def open_store(place: str) -> Store:
    """The store a setting names: a folder, or s3://bucket/prefix with the AWS_ variables.

    Raises: BadArchivePlace.
    """
    if place.startswith("s3://"):
        from infra.archive.s3 import S3

        return S3(place)
    if "://" in place or not place:
        raise BadArchivePlace("PARTYLINE_ARCHIVE must be a folder or s3://bucket/prefix")
    from infra.archive.local import Folder

    return Folder(Path(place))
