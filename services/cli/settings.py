"""Every setting: one place, each also an environment variable PARTYLINE_<NAME>."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from contracts.ids import AgentId, TenantId
from services.cli.keys_file import BadKeysFile, read_keys

_PREFIX: Final = "PARTYLINE_"
_VENDORS: Final = {  # the vendors' own names of their keys count too
    "deepgram_api_key": "DEEPGRAM_API_KEY",
    "groq_api_key": "GROQ_API_KEY",
    "elevenlabs_api_key": "ELEVENLABS_API_KEY",
    "cartesia_api_key": "CARTESIA_API_KEY",
    "openai_api_key": "OPENAI_API_KEY",
    "openai_url": "OPENAI_BASE_URL",
    "ollama_url": "OLLAMA_HOST",
    "sarvam_api_key": "SARVAM_API_KEY",
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
}
_SECRET: Final = ("key", "token", "secret")


class BadSetting(Exception):
    """A setting that cannot be used. Names it and says what it takes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, with their defaults. Secrets are never shown by `repr`."""

    data: Path = Path(".partyline")
    """Folder of the embedded servers' data."""
    tenant: TenantId = TenantId("main")
    """Whose calls, agents and documents these are."""
    agent: AgentId = AgentId("receptionist")
    """Agent that answers when the carrier's webhook names none."""
    nats: str = ""
    """NATS server(s), nats://TOKEN@host:4222; for `serve`."""
    master_key_file: str = ""
    """File with the master key of personal data; empty: the embedded servers' own, or none."""
    seal: bool = True
    """Seal what callers say where there is a master key; no: for development, in the clear."""
    postgres: str = ""
    """PostgreSQL, postgresql://user@host/database; for `serve projections` and for reading."""
    qdrant: str = ""
    """Qdrant server, http://host:6333, or a folder for local mode; for `serve rag`."""
    qdrant_api_key: str = ""
    """Key of the Qdrant server."""
    host: str = "127.0.0.1"
    """Address the gateway listens on."""
    port: int = 0
    """Port the gateway listens on; 0: 8080 where it is free, else any free one."""
    nats_port: int = 0
    """Port of the embedded NATS server, or of the first of three; 0: any free one."""
    nats_nodes: Literal[1, 3] = 1
    """Embedded NATS servers: 1, or 3, of which any one may die while calls go on."""
    health_port: int = 0
    """Port of GET /healthz on 127.0.0.1 for `serve`; 0: none."""
    public_origin: str = ""
    """How carriers reach the gateway, https://voice.example.com; what signatures are checked by."""
    twilio_account_sid: str = ""
    """Twilio's account; with its auth token, calls whose line is lost are called back over REST."""
    twilio_auth_token: str = ""
    """Twilio's auth token; when given, every webhook and media socket must be signed with it."""
    twilio_shared_key: str = ""
    """Secret of a Twilio SharedKey, for webhooks signed with HMAC-SHA256."""
    twilio_url: str = ""
    """Another address of Twilio's REST API."""
    return_ms: int = 30_000
    """Milliseconds a call waits for its lost line to come back before it is ended."""
    media_auth: bool = True
    """Require the one-time media token; no turns that off, with a warning."""
    token_secret: str = ""
    """Secret of the media tokens, shared by gateways behind one origin; empty: made at start."""
    replicas: int = 0
    """Copies of each stream: 1, 3 or 5; 0: 3 where the servers form a cluster, else 1."""
    room: int = 1_000
    """Calls one STT or dialog process hosts at most."""
    busy_ms: int = 20
    """Milliseconds loops and log may be late (95th percentile, 5 s) before rings are refused."""
    detector: Literal["energy", "silero"] = "energy"
    """What tells that a caller speaks: energy; or a model, too, for noise (extra `silero`)."""
    drain: Literal["hand_over", "finish", "end"] = "hand_over"
    """Calls on SIGTERM: given to other processes, or waited for; `end`, as `up` does: let go."""
    drain_s: int = 20
    """Seconds `finish` waits for calls to end, and lines for a quiet moment before they move."""
    keys_file: str = ""
    """File with lines NAME=VALUE, for keys; mode 600. What the environment says comes first."""
    deepgram_api_key: str = ""
    """Key for Deepgram's speech recognition (nova, Flux) and voices (Aura)."""
    deepgram_url: str = ""
    """Another address of Deepgram's API."""
    groq_api_key: str = ""
    """Key for Groq's language models, Whisper and voices."""
    groq_url: str = ""
    """Another address of Groq's API."""
    elevenlabs_api_key: str = ""
    """Key for ElevenLabs' voices and Scribe."""
    elevenlabs_url: str = ""
    """Another address of ElevenLabs' API."""
    cartesia_api_key: str = ""
    """Key for Cartesia's voices (Sonic) and speech recognition (Ink)."""
    cartesia_url: str = ""
    """Another address of Cartesia's API."""
    openai_api_key: str = ""
    """Key for OpenAI, or for what speaks its protocol at `openai_url`: any word if it asks none."""
    openai_url: str = ""
    """Address of another server that speaks OpenAI's protocol, with /v1: vLLM, llama.cpp, ..."""
    ollama_url: str = ""
    """Address of an Ollama server, http://127.0.0.1:11434; empty: Ollama is off."""
    sarvam_api_key: str = ""
    """Key for Sarvam's speech recognition, voices and models for the languages of India."""
    sarvam_url: str = ""
    """Another address of Sarvam's API."""
    coqui_url: str = ""
    """Address of a Coqui TTS server, http://127.0.0.1:5002; empty: Coqui is off."""
    piper_voices: str = ""
    """Folder of Piper voices, each NAME.onnx with NAME.onnx.json; empty: Piper is off."""
    whisper_model: str = ""
    """Folder of a faster-whisper model; empty: Whisper on this machine is off."""
    fastembed_model: str = ""
    """Folder of a fastembed model; empty: embeddings on this machine are off."""
    embedding: Literal["none", "openai", "ollama", "fastembed"] = "none"
    """What finds knowledge by meaning, beside words; one for all `rag` processes of a store."""
    embedding_model: str = ""
    """Model of the embedding, as its provider names it; empty: the provider's default."""
    embedding_ms: int = 300
    """Milliseconds a question waits for its embedding before it is searched by words alone."""
    embedding_least: float = 0.35
    """Nearness (cosine) a passage needs to be found by meaning; models differ."""
    prices: str = ""
    """TOML file of what outside services cost, read when projections start."""
    rebuild: bool = True
    """Rebuild tables of an older version when projections start; no: only on command."""
    compiled: str = ""
    """Folder of what `partyline compile` makes; empty: partyline/compiled in the user's cache."""
    canary_s: float = 15.0
    """Seconds of silence in the log after which a canary proves the way to the tables; 0: never."""
    archive: str = ""
    """Folder or s3://bucket/prefix old calls go to; empty: they expire after 30 days."""
    archive_after_days: float = 30.0
    """Days after its end a call stays in the log before it is archived."""
    log_level: str = "WARNING"
    """DEBUG, INFO, WARNING or ERROR."""

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{k}={v}' for k, v in self.shown().items())})"

    def shown(self) -> dict[str, str]:
        """Every setting as text; a secret only as 'set' or ''."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: _shown(name, value) for name, value in values.items()}

    def provider_keys(self) -> dict[str, str]:
        """Keys, addresses and folders of providers that were given, by their settings' names."""
        ends = ("_api_key", "_url", "_voices", "_model")
        names = [name for name in self.__struct_fields__ if name.endswith(ends)]
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def _shown(name: str, value: object) -> str:
    if is_secret(name):
        return "set" if value else ""
    return re.sub(r"//[^@/]+@", "//***@", str(value))


def is_secret(name: str) -> bool:
    """Whether a setting must not be shown."""
    return name.rpartition("_")[2] in _SECRET


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _PREFIX + name.upper()


def from_environment(
    given: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Settings from `given` (the command line; None counts as not given), then the environment,
    then the keys' file.

    Raises: BadSetting.
    """
    environment = {**_keys(environment), **environment}
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        for source in (variable(name), _VENDORS.get(name, "")):
            if environment.get(source):
                values.setdefault(name, environment[source])
    values |= {name: value for name, value in (given or {}).items() if value is not None}
    return _checked(values)


def _keys(environment: Mapping[str, str]) -> dict[str, str]:
    file = environment.get(variable("keys_file"))
    try:
        return read_keys(Path(file)) if file else {}
    except BadKeysFile as bad:
        raise BadSetting(str(bad)) from None


def _checked(values: dict[str, Any]) -> Settings:
    checked: dict[str, Any] = {}
    hints = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    for name, value in values.items():
        if isinstance(value, str) and hints[name] is bool:
            value = _truth(name, value)
        try:
            checked[name] = msgspec.convert(value, hints[name], strict=False, dec_hook=_path)
        except msgspec.ValidationError:
            takes = _takes(hints[name])
            raise BadSetting(f"{variable(name)} (or its option) must be {takes}") from None
        if isinstance(checked[name], int) and checked[name] < 0:  # times, sizes and counts
            raise BadSetting(f"{variable(name)} (or its option) must not be below 0")
    return Settings(**checked)


def _takes(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    return f"of type {getattr(hint, '__name__', 'text')}"


def _truth(name: str, value: str) -> bool:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if value.lower() not in known:
        raise BadSetting(f"{variable(name)} must be yes or no")
    return known[value.lower()]


def _path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value
