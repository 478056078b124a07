"""The topology as data: streams, families, and the subjects everything travels on."""

from typing import Final, Literal, NamedTuple

import msgspec

from contracts.ids import AgentId, CallId, DocumentId, HostId, TenantId, checked

Family = Literal["line", "transcript", "dialog", "passages", "synthesis", "outcome"]
FAMILIES: Final[tuple[Family, ...]] = (
    "line",
    "transcript",
    "dialog",
    "passages",
    "synthesis",
    "outcome",
)
WRITERS: Final[dict[Family, str]] = {
    "line": "gateway",
    "transcript": "stt",
    "dialog": "dialog",
    "passages": "rag",
    "synthesis": "tts",
    "outcome": "post-call workers",
}
READERS: Final[dict[Family, tuple[str, ...]]] = {
    "line": ("stt", "dialog", "projections"),
    "transcript": ("dialog", "projections"),
    "dialog": ("gateway", "rag", "tts", "projections"),
    "passages": ("dialog", "projections"),
    "synthesis": ("dialog", "projections"),
    "outcome": ("projections",),
}
CANARY: Final = "canary"
"""In the log beside the calls: empty messages, one in a while where no call is going on. That one
has come to the tables proves the way there."""
QUESTIONS: Final = "ask.*.*.passages"  # of all calls, see question_subject
PHRASES: Final = "say.*"  # of all tenants, see phrase_subject
LOAD: Final = "load.*.*"  # of all hosts, see load_subject
DRAFT: Final = "draft"  # live only, beside the families: drafts of transcripts are never stored


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A JetStream stream. Ages in seconds, 0: for ever; sizes in bytes, -1: no limit."""

    name: str
    subjects: tuple[str, ...]
    holds: str
    storage: Literal["file", "memory"] = "file"
    retention: Literal["limits", "workqueue"] = "limits"
    max_age_s: int = 0
    max_bytes: int = -1
    duplicate_window_s: int = 120
    max_consumers: int = 256
    max_per_subject: int = -1  # a further message is refused
    live: tuple[str, str] | None = None  # stored messages are republished: source, destination
    replicated: bool = True  # False: one replica even in a cluster


CALLS: Final = Stream(
    name="CALLS",
    subjects=("call.*.*.*", CANARY),
    holds="the log: all facts and decisions of all calls",
    max_age_s=30 * 86_400,
    live=("call.>", "live.call.>"),
)
CLAIMS: Final = Stream(
    name="CLAIMS",
    subjects=("claim.*.*.*",),
    holds="who hosts which call",
    retention="workqueue",
    max_age_s=86_400,
)
AUDIO: Final = Stream(
    name="AUDIO",
    subjects=("audio.*.*.*",),
    holds="live frames, kept just long enough for a takeover",
    storage="memory",
    max_age_s=15,
    max_bytes=512 * 1024 * 1024,
    duplicate_window_s=1,
    replicated=False,
)
AGENTS: Final = Stream(name="AGENTS", subjects=("agent.*.*",), holds="agent revisions")
KNOWLEDGE: Final = Stream(
    name="KNOWLEDGE", subjects=("knowledge.*.*.*",), holds="documents agents answer from"
)
KEYS: Final = Stream(
    name="KEYS",
    subjects=("key.*",),
    holds="the key of each call, wrapped by the master key",
    max_per_subject=1,
    live=("key.>", "live.key.>"),
)
STREAMS: Final = (CALLS, CLAIMS, AUDIO, AGENTS, KNOWLEDGE, KEYS)

ACK_WAIT_S: Final = 2.0  # a host that reports no progress for so long loses its claim
LINE_ACK_WAIT_S: Final = 6.0  # the same for those who watch over a line: nothing waits for them


class CallPlace(NamedTuple):
    """The parts of a call's subject."""

    tenant: TenantId
    call: CallId
    family: str


def call_subject(tenant: TenantId, call: CallId, family: Family | Literal["*"]) -> str:
    """Where a call's family is stored. Raises BadId."""
    return f"call.{checked('tenant', tenant)}.{checked('call', call)}.{family}"


def live_subject(tenant: TenantId, call: CallId, family: str = "*") -> str:
    """Where stored messages of a call arrive live; `*` for all families and drafts."""
    return f"live.call.{checked('tenant', tenant)}.{checked('call', call)}.{family}"


def parse_call_subject(subject: str) -> CallPlace:
    """The place named by a stored or live subject, or a question's. Raises ValueError."""
    parts = subject.removeprefix("live.").split(".")
    if len(parts) != 4 or parts[0] not in ("call", "ask"):
        raise ValueError("not a call's subject")
    return CallPlace(TenantId(parts[1]), CallId(parts[2]), parts[3])


def claim_subject(role: str, tenant: TenantId, call: CallId) -> str:
    """Where a role's claim on a call waits. Raises BadId."""
    return f"claim.{role}.{checked('tenant', tenant)}.{checked('call', call)}"


def audio_subject(tenant: TenantId, call: CallId, side: Literal["caller", "agent"]) -> str:
    """Where one side's audio frames travel. Raises BadId."""
    return f"audio.{checked('tenant', tenant)}.{checked('call', call)}.{side}"


def agent_subject(tenant: TenantId, agent: AgentId) -> str:
    """Where an agent's revisions are stored. Raises BadId."""
    return f"agent.{checked('tenant', tenant)}.{checked('agent', agent)}"


def knowledge_subject(tenant: TenantId, agent: AgentId, document: DocumentId) -> str:
    """Where a document of an agent is stored. Raises BadId."""
    prefix = f"knowledge.{checked('tenant', tenant)}.{checked('agent', agent)}"
    return f"{prefix}.{checked('document', document)}"


def key_subject(call: CallId) -> str:
    """Where a call's key is stored. Raises BadId."""
    return f"key.{checked('call', call)}"


def question_subject(tenant: TenantId, call: CallId) -> str:
    """Where the knowledge is asked beside the log: a request, answered at once. Raises BadId."""
    return f"ask.{checked('tenant', tenant)}.{checked('call', call)}.passages"


def phrase_subject(tenant: TenantId) -> str:
    """Where a phrase is wanted as sound, see contracts/phrase.py. Raises BadId."""
    return f"say.{checked('tenant', tenant)}"


def host_subject(host: HostId) -> str:
    """Where a host is asked whether it still holds a call."""
    return f"host.{checked('host', host)}"


def load_subject(role: str, host: HostId) -> str:
    """Where a host says how late it is. Raises BadId."""
    return f"load.{checked('role', role)}.{checked('host', host)}"
