"""An agent's TOML file read: what is wrong in it is said with the field and the line."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UnsetType, inspect

from contracts.agent import Agent, Fallback, Provider
from contracts.dialog import FallbackVoice, Voice
from contracts.ids import DocumentId
from contracts.knowledge import DocumentAdded
from services.call.phrases import names
from services.call.tools import unusable
from services.dialog import providers as dialog_providers
from services.stt import providers as stt_providers
from services.tts import providers as tts_providers

_MEDIA: Final = {".md": "text/markdown", ".txt": "text/plain"}
_DOCUMENT_BYTES: Final = 400_000
_AT: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_QUOTES: Final = ('"""', "'''")
_STEP: Final = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+|\.\.\.)\]")


class AgentFileError(Exception):
    """An agent's file that cannot be used. Says file, line, field and what to do."""


def read_agent(path: Path, replacing: Mapping[str, str] | None = None) -> Agent:
    """The agent a file describes. `{name}` in tools' addresses is taken from `replacing`.

    Raises: AgentFileError.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as failed:
        raise AgentFileError(f"{path}: cannot be read: {type(failed).__name__}") from None
    except tomllib.TOMLDecodeError as broken:
        raise AgentFileError(f"{path}: not TOML: {broken}") from None
    _address(data, replacing or {})
    try:
        agent = msgspec.convert(data, Agent)
    except msgspec.ValidationError as broken:
        raise AgentFileError(_explain(path, text, data, str(broken))) from None
    if unknown := _unknown(data, inspect.type_info(Agent)):
        field = ".".join(unknown)
        raise AgentFileError(f"{path}:{line_of(text, unknown)}: field '{field}': no such field")
    _check(path, text, agent)
    return agent


def read_knowledge(path: Path, agent: Agent, at_ms: int) -> list[DocumentAdded]:
    """The Markdown and text files of the agent's knowledge folder, by name.

    Raises: AgentFileError.
    """
    if not agent.knowledge:
        return []
    folder = path.parent / agent.knowledge
    if not folder.is_dir():
        line = line_of(path.read_text(encoding="utf-8"), ["knowledge"])
        raise AgentFileError(f"{path}:{line}: field 'knowledge': there is no folder {folder}")
    files = sorted(file for file in folder.iterdir() if file.suffix in _MEDIA)
    documents = [_document(file, at_ms) for file in files]
    for file, one, another in zip(files, documents, documents[1:], strict=False):
        if one.document == another.document:
            raise AgentFileError(f"{file}: another file there has the same name; rename one")
    return documents


def _document(file: Path, at_ms: int) -> DocumentAdded:
    content = file.read_bytes()
    if len(content) > _DOCUMENT_BYTES:
        raise AgentFileError(f"{file}: larger than {_DOCUMENT_BYTES} bytes; split it")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise AgentFileError(f"{file}: not UTF-8 text") from None
    return DocumentAdded(
        at_ms=at_ms,
        document=DocumentId(re.sub(r"[^A-Za-z0-9_-]", "-", file.stem)[:64]),
        title=file.stem.replace("-", " "),
        media_type="text/markdown" if file.suffix == ".md" else "text/plain",
        text=text,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _address(data: dict[str, Any], replacing: Mapping[str, str]) -> None:
    tools = data.get("tools")
    for tool in tools if isinstance(tools, list) else []:
        if isinstance(tool, dict) and isinstance(tool.get("url"), str):
            for name, value in replacing.items():
                tool["url"] = tool["url"].replace(f"{{{name}}}", value)


def _unknown(data: Any, type_: inspect.Type) -> list[str]:
    """The way to the first field the agent's contract does not know; [] when it knows them all.

    The contract itself takes unknown fields, so that it reads what other versions wrote.
    """
    match type_:
        case inspect.Metadata(type=inner):
            return _unknown(data, inner)
        case inspect.StructType(fields=fields):
            known = {field.encode_name: field.type for field in fields}
            entries: list[tuple[str, Any, inspect.Type | None]] = [
                (name, value, known.get(name)) for name, value in data.items()
            ]
        case inspect.DictType(value_type=value_type):
            entries = [(name, value, value_type) for name, value in data.items()]
        case inspect.VarTupleType(item_type=item):
            entries = [(str(place), value, item) for place, value in enumerate(data)]
        case _:
            return []
    for name, value, expected in entries:
        if expected is None:
            return [name]
        if below := _unknown(value, expected):
            return [name, *below]
    return []


def _explain(path: Path, text: str, data: dict[str, Any], reason: str) -> str:
    found = _AT.search(reason)
    what = reason[: found.start()] if found else reason
    steps = [a or b for a, b in _STEP.findall(found["path"])] if found else []
    if steps[1:2] == ["..."]:
        steps[1] = _entry(data, steps[0], reason)
    field = ".".join(steps) or "(top level)"
    return f"{path}:{line_of(text, steps)}: field '{field}': {what}"


def _entry(data: dict[str, Any], table: str, reason: str) -> str:
    """The key msgspec leaves out of its path: the entry that is wrong in the same way alone."""
    for key, value in data[table].items():
        try:
            msgspec.convert({**data, table: {key: value}}, Agent)
        except msgspec.ValidationError as broken:
            if str(broken) == reason:
                return str(key)
    return "..."


def _check(path: Path, text: str, agent: Agent) -> None:
    """Raise the first mistake that the contract's types cannot tell."""
    mistakes = (*_providers(agent), *_languages(agent), *_tools(agent), *_intents(agent))
    for steps, mistake in mistakes:
        field = ".".join(steps)
        raise AgentFileError(f"{path}:{line_of(text, steps)}: field '{field}': {mistake}")


_Mistake = tuple[list[str], str]  # the way to the field, and what is wrong with it


def _providers(agent: Agent) -> Iterator[_Mistake]:
    voices = {("voice",): agent.voice} | {("voices", tag): v for tag, v in agent.voices.items()}
    ports: list[tuple[tuple[str, ...], Provider | Voice, Mapping[str, object]]] = [
        (("stt",), agent.stt, stt_providers.OFFERED),
        (("llm",), agent.llm, dialog_providers.OFFERED),
        *((table, voice, tts_providers.OFFERED) for table, voice in voices.items()),
    ]
    for table, first, offered in ports:
        fallbacks = () if isinstance(first.fallbacks, UnsetType) else first.fallbacks
        steps = [[*table], *([*table, "fallbacks", str(at)] for at in range(len(fallbacks)))]
        chain = [_only(each) for each in (first, *fallbacks)]
        for at, each in enumerate(chain):
            if each["provider"] not in offered:
                yield [*steps[at], "provider"], f"none of {', '.join(sorted(offered))}"
            if each in chain[:at]:
                yield steps[at], "the same as one before it: it would fail with it"
    if agent.stt.hedge_ms:
        yield ["stt", "hedge_ms"], "only a model can be hedged"
    if agent.llm.hedge_ms and not agent.llm.fallbacks:
        yield ["llm", "hedge_ms"], "there is no fallback to ask beside it"


def _only(each: Fallback | FallbackVoice) -> dict[str, Any]:
    """What makes it another than the next: all that a fallback can say."""
    kind = Fallback if isinstance(each, Fallback) else FallbackVoice
    return {name: getattr(each, name) for name in kind.__struct_fields__}


def _languages(agent: Agent) -> Iterator[_Mistake]:
    """A voice of a language that no call of this agent can be in."""
    spoken = [f"{language.lower()}-" for language in agent.languages]
    for tag in agent.voices:
        if not any(language.startswith(f"{tag.lower()}-") for language in spoken):
            yield ["voices", tag], f"no language of the agent: {', '.join(agent.languages)}"


def _tools(agent: Agent) -> Iterator[_Mistake]:
    for place, tool in enumerate(agent.tools):
        steps = ["tools", str(place)]
        if reason := unusable(tool.parameters):
            yield [*steps, "parameters"], f"no JSON Schema: {reason}"
            continue
        known = {*tool.parameters.get("properties", {}), *agent.variables}
        for name in sorted(names(tool.ask) - known):
            yield [*steps, "ask"], f"no parameter named '{name}'"


def _intents(agent: Agent) -> Iterator[_Mistake]:
    tools = {tool.name for tool in agent.tools} | {"transfer", ""}
    for place, intent in enumerate(agent.intents):
        steps = ["intents", str(place)]
        if intent.tool not in tools:
            yield [*steps, "tool"], f"no tool named '{intent.tool}'"
        for slot in sorted(names(" ".join(intent.phrases)) - set(agent.slots)):
            yield [*steps, "phrases"], f"no slot named '{slot}'"


def line_of(text: str, steps: list[str]) -> int:
    """The line, counted from 1, where a field or the nearest table around it begins."""
    tables, keys = _walk(text)
    wanted = [step for step in steps if step != "..."]
    while wanted:
        for known in (keys, tables):
            if tuple(wanted) in known:
                return known[tuple(wanted)]
        wanted = wanted[:-1]
    return 1


def _walk(text: str) -> tuple[dict[tuple[str, ...], int], dict[tuple[str, ...], int]]:
    """Where each table and each key stands, by its path; array tables count from 0."""
    tables: dict[tuple[str, ...], int] = {}
    keys: dict[tuple[str, ...], int] = {}
    arrays: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    quotes = ""  # of the multi-line string we are in
    for number, line in enumerate(text.splitlines(), start=1):
        if quotes:
            quotes = "" if quotes in line else quotes
            continue
        quotes = next((q for q in _QUOTES if line.count(q) % 2), "")
        if header := re.match(r"\s*(\[\[?)([^\[\]]+)\]", line):
            table = _table(header[1] == "[[", _names(header[2]), arrays)
            tables[table] = number
        elif key := re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line):
            keys.setdefault((*table, *_names(key[1])), number)
    return tables, keys


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip().strip("\"'") for name in dotted.split("."))


def _table(
    is_array: bool, names: tuple[str, ...], arrays: dict[tuple[str, ...], int]
) -> tuple[str, ...]:
    path: tuple[str, ...] = ()
    for depth, name in enumerate(names):
        path = (*path, name)
        if is_array and depth == len(names) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, str(arrays[path]))
    return path
