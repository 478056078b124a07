"""asyncapi.json is AsyncAPI 3.0, and what is really written fits its schemas.

asyncapi-3.0.0.schema.json is `schemas/3.0.0-without-$id.json` of asyncapi/spec-json-schemas
(Apache-2.0), without white space.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from wire_examples import CALL_EVENTS, EVERYTHING, MESSAGE, golden_name

from contracts import catalogue, streams
from contracts.channels import EVENTS, channels, tag
from contracts.marks import personal_fields

HERE = Path(__file__).parent
SPECIFICATION = json.loads((HERE / "asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
DOCUMENT: dict[str, Any] = json.loads(catalogue.generated()["asyncapi.json"])
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
DIALECTS = [Draft7Validator, Draft202012Validator]


def references(value: object) -> Iterator[str]:
    match value:
        case {"$ref": str(reference)}:
            yield reference
        case list():
            for inner in value:
                yield from references(inner)
    if isinstance(value, dict):
        for inner in value.values():
            yield from references(inner)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def payload_schema(message: str) -> dict[str, Any]:
    payload = DOCUMENT["components"]["messages"][message]["payload"]
    return {**payload, "components": DOCUMENT["components"]}


def as_json(value: object) -> Any:
    return json.loads(msgspec.json.encode(value))


def test_the_document_fits_the_specification() -> None:
    assert list(Draft7Validator(SPECIFICATION).iter_errors(DOCUMENT)) == []


@pytest.mark.parametrize("part", ["asyncapi", "info"])
def test_the_specification_in_use_refuses_what_is_wrong(part: str) -> None:
    broken = {name: value for name, value in DOCUMENT.items() if name != part}
    assert not Draft7Validator(SPECIFICATION).is_valid(broken)
    wrong_action = {"x": {"action": "shout", "channel": {"$ref": "#/channels/line"}}}
    assert not Draft7Validator(SPECIFICATION).is_valid({**DOCUMENT, "operations": wrong_action})


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 60
    for reference in found:
        assert isinstance(resolved(reference), dict), reference


@pytest.mark.parametrize("dialect", DIALECTS, ids=["draft 7", "draft 2020-12"])
def test_every_schema_is_valid_in_both_dialects(dialect: Any) -> None:
    for inner in SCHEMAS.values():
        dialect.check_schema(inner)


@pytest.mark.parametrize("dialect", DIALECTS, ids=["draft 7", "draft 2020-12"])
@pytest.mark.parametrize("example", EVERYTHING, ids=lambda example: type(example).__name__)
def test_what_is_written_fits_its_schema(example: msgspec.Struct, dialect: Any) -> None:
    validator = dialect(schema(type(example).__name__))
    assert list(validator.iter_errors(as_json(example))) == []


@pytest.mark.parametrize("example", EVERYTHING, ids=lambda example: type(example).__name__)
def test_an_absent_required_field_does_not_fit(example: msgspec.Struct) -> None:
    name = type(example).__name__
    whole = as_json(example)
    for field in SCHEMAS[name]["required"]:
        torn = {key: value for key, value in whole.items() if key != field}
        assert not Draft202012Validator(schema(name)).is_valid(torn), field


@pytest.mark.parametrize("family", streams.FAMILIES)
def test_a_family_carries_its_own_events_and_no_others(family: streams.Family) -> None:
    validator = Draft202012Validator(payload_schema(f"{family.title()}Message"))
    for event in CALL_EVENTS:
        message = {"by": "a", "events": [as_json(event)]}
        assert validator.is_valid(message) == (type(event) in EVENTS[family]), tag(type(event))


def test_a_stored_message_of_a_retired_version_still_fits() -> None:
    golden = HERE / "golden" / "transcript.finalized-1.json"
    message = {"by": "a", "events": [json.loads(golden.read_text(encoding="utf-8"))]}
    for name in ("TranscriptMessage", "LiveMessage"):
        assert Draft202012Validator(payload_schema(name)).is_valid(message)
    assert SCHEMAS["TranscriptFinalizedV1"]["deprecated"]


def test_a_decision_fits_the_messages_of_its_family() -> None:
    assert Draft202012Validator(payload_schema("DialogMessage")).is_valid(as_json(MESSAGE))


def test_personal_fields_are_marked_and_every_field_is_described() -> None:
    kinds = {type(example) for example in EVERYTHING}
    for kind in kinds:
        properties = SCHEMAS[kind.__name__]["properties"]
        assert {name for name in properties if properties[name].get("x-pii")} == personal_fields(
            kind
        )
        assert all(properties[name]["description"] for name in kind.__struct_fields__)


def test_every_parameter_of_an_address_is_declared_and_every_role_acts() -> None:
    for channel in DOCUMENT["channels"].values():
        named = {part[1:-1] for part in channel["address"].split(".") if part.startswith("{")}
        assert named == set(channel["parameters"])
    for channel in channels():
        for role in (*channel.senders, *channel.receivers):
            role_named = role.replace(" ", "-")
            assert any(
                name.startswith(f"{role_named}_") and name.endswith(f"_{channel.name}")
                for name in DOCUMENT["operations"]
            )


def test_golden_names_are_those_of_the_tags() -> None:
    assert golden_name(type(CALL_EVENTS[0])) == "line.rang-1.json"
