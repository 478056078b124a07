"""The contracts as an AsyncAPI 3.0 document, for those who generate clients from it.

Specification: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import re
from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec

from contracts import described
from contracts.channels import RETIRED, Channel, Structs, channels, members, present
from contracts.claim import Role
from contracts.marks import personal_fields
from contracts.recorded import CallEvent, Message
from contracts.streams import FAMILIES, STREAMS

Json = dict[str, Any]
_SCHEMA: Final = "#/components/schemas/{name}"
_ID: Final = "1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'"
_PARAMETERS: Final[dict[str, Json]] = {
    "tenant": {"description": f"Whose it is: {_ID}."},
    "call": {"description": "A UUIDv7: calls sort by the time of the ring."},
    "family": {"description": "What was stored, as in call.*.", "enum": list(FAMILIES)},
    "role": {"description": "The part of the call to host.", "enum": list(get_args(Role))},
    "agent": {"description": f"The agent's name: {_ID}."},
    "document": {"description": f"The document's id, unique for its agent: {_ID}."},
    "host": {"description": "One process of one role, as OwnerClaimed names it."},
}


def document() -> Json:
    """The whole document, as what `json.dumps` takes."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Partyline",
            "version": "1.0.0",
            "description": (
                "What is said on the line, on NATS. Events carry their own version in `type`;"
                " fields with `x-pii: true` hold personal data. README.md beside this file"
                " explains the same in words."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in channels()},
        "operations": dict(
            operation for channel in channels() for operation in _operations(channel)
        ),
        "components": {
            "schemas": _schemas(),
            "messages": dict(
                message for channel in channels() for message in _messages(channel).items()
            ),
            "parameters": _PARAMETERS,
        },
    }


def _channel(channel: Channel) -> Json:
    stored = next((stream for stream in STREAMS if stream.name == channel.stream), None)
    parameters = re.findall("<(.+?)>", channel.subject)
    return {
        "address": channel.subject.replace("<", "{").replace(">", "}"),
        "title": channel.meaning,
        "description": f"Stored in {stored.name}: {stored.holds}." if stored else "Not stored.",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in _messages(channel)
        },
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in parameters},
    }


def _operations(channel: Channel) -> Iterator[tuple[str, Json]]:
    users = (("send", "sends", channel.senders), ("receive", "receives", channel.receivers))
    for action, verb, roles in users:
        for role in roles:
            yield (
                f"{role.replace(' ', '-')}_{verb}_{channel.name}",
                {"action": action, "channel": {"$ref": f"#/channels/{channel.name}"}},
            )


def _messages(channel: Channel) -> dict[str, Json]:
    """What travels on a channel, by the name of its message."""
    match channel.payload:
        case "message":
            name = f"{channel.name.title()}Message"
            return {name: _call_message(channel)}
        case "event":
            return {kind.__name__: _event_message(kind) for kind in channel.carries}
        case "bytes":
            return {f"{channel.name}_bytes": _binary_message(channel)}


def _call_message(channel: Channel) -> Json:
    old = tuple(kind for kind in RETIRED if present(kind) in channel.carries)
    return {
        "title": channel.meaning,
        "summary": described.meaning(Message),
        "headers": {
            "type": "object",
            "properties": {
                "Nats-Msg-Id": {
                    "type": "string",
                    "description": "Derives from the cause: the same id is the same message.",
                }
            },
        },
        "payload": {
            "allOf": [
                _ref(Message),
                {"properties": {"events": {"items": _one_of((*channel.carries, *old))}}},
            ]
        },
    }


def _event_message(kind: type[msgspec.Struct]) -> Json:
    return {"title": kind.__name__, "summary": described.meaning(kind), "payload": _ref(kind)}


def _binary_message(channel: Channel) -> Json:
    return {
        "title": channel.meaning,
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
    }


def _schemas() -> Json:
    """JSON Schemas of all structs; what they say holds in draft 7 and in draft 2020-12."""
    plain = tuple(
        kind for channel in channels() if channel.payload == "event" for kind in channel.carries
    )
    drafts = next(channel for channel in channels() if channel.name == "draft").carries
    roots = (Message, *drafts, *plain, *RETIRED)
    _, schemas = msgspec.json.schema_components(roots, ref_template=_SCHEMA)
    by_name = {
        kind.__name__: kind for name in described.MODULES for kind in described.structs(name)
    }
    described_schemas = {
        name: _explained(by_name[name], schema) for name, schema in sorted(schemas.items())
    }
    events = described_schemas["Message"]["properties"]["events"]
    events["items"] = _one_of((*members(CallEvent), *RETIRED))
    return described_schemas


def _explained(kind: type[msgspec.Struct], schema: Json) -> Json:
    """The schema with what it can't know: meanings, marks, and nothing that AsyncAPI refuses."""
    properties = {name: _portable(inner) for name, inner in schema["properties"].items()}
    for name in kind.__struct_fields__:
        inner = properties[name]
        if "$ref" in inner:  # draft 7 ignores what stands beside a $ref
            inner = {"allOf": [{"$ref": inner.pop("$ref")}], **inner}
        properties[name] = {**inner, "description": described.field_meaning(kind, name)}
        if name in personal_fields(kind):
            properties[name]["x-pii"] = True
    retired = {"deprecated": True} if kind in RETIRED else {}
    return {**schema, "description": described.meaning(kind), **retired, "properties": properties}


def _portable(schema: Any) -> Any:
    """Without OpenAPI's `discriminator`: the enum of `type` tells the events apart."""
    match schema:
        case dict():
            return {
                name: _portable(inner) for name, inner in schema.items() if name != "discriminator"
            }
        case list():
            return [_portable(inner) for inner in schema]
        case _:
            return schema


def _one_of(kinds: Structs) -> Json:
    return {"anyOf": [_ref(kind) for kind in kinds]}


def _ref(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": _SCHEMA.format(name=kind.__name__)}
