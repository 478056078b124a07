"""Every marked field of every contract is exchanged, and no other."""

from typing import Annotated, Any

import msgspec
import pytest
from wire_examples import EVERYTHING, MESSAGE

from contracts.event import PII, Pii
from contracts.marked_fields import exchanged
from contracts.marks import personal_fields


class Noting:
    """A hand that turns words round, and notes where they stood."""

    def __init__(self) -> None:
        self.places: list[str] = []

    def text(self, place: str, value: str) -> str:
        self.places.append(place)
        return value[::-1]

    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]:
        self.places.append(place)
        return {"turned": value}

    def values(self, place: str, value: dict[str, str]) -> dict[str, str]:
        return {key: self.text(f"{place}.{key}", each) for key, each in value.items()}


class Deep(msgspec.Struct, frozen=True):
    """Marks in every place they can stand."""

    said: tuple[Pii, ...] = ()
    maybe: Pii | None = None
    lists: dict[str, list[Pii]] = {}
    plain: tuple[str, ...] = ()


class Unsealable(msgspec.Struct, frozen=True):
    """A mark where nothing can be exchanged."""

    age: Annotated[int, msgspec.Meta(extra={PII: True})]


@pytest.mark.parametrize("example", EVERYTHING[:-1], ids=lambda example: type(example).__name__)
def test_what_is_exchanged_is_what_is_marked(example: msgspec.Struct) -> None:
    other = exchanged(example, Noting())
    differing = {f for f in example.__struct_fields__ if getattr(example, f) != getattr(other, f)}
    given = {f for f in personal_fields(type(example)) if getattr(example, f)}
    # A text that reads the same backwards is exchanged all the same.
    assert differing == given or (differing, given) == (set(), {"digit"})


def test_a_place_is_told_by_event_time_and_field() -> None:
    noting = Noting()
    exchanged(MESSAGE, noting)
    at_ms = MESSAGE.events[1].at_ms
    assert noting.places == [f".events.1@{at_ms}.text", ".decision.state"]


def test_marks_are_reached_in_containers_and_optional_fields() -> None:
    noting = Noting()
    deep = Deep(said=("ab", "cd"), maybe="ef", lists={"names": ["gh"]}, plain=("ij",))
    other = exchanged(deep, noting)
    assert (other.said, other.maybe, other.lists) == (("ba", "dc"), "fe", {"names": ["hg"]})
    assert other.plain == ("ij",)
    assert noting.places == [".said.0", ".said.1", ".maybe", ".lists.names.0"]


def test_a_mark_that_could_not_be_sealed_is_refused() -> None:
    with pytest.raises(TypeError, match="only text and dicts"):
        exchanged(Unsealable(age=47), Noting())
