"""An agent as data: what a TOML file says and what a revision holds.

subject  agent.<tenant>.<agent>    stream  AGENTS
written  services/cli              read    services/{gateway,stt,dialog,rag}
"""

from typing import Annotated, Any, Literal

import msgspec

from contracts.dialog import Voice, Wait
from contracts.event import Event
from contracts.ids import AgentId

Kind = Literal["hello", "goodbye", "confirm", "question", "action"]
Phrase = Annotated[str, msgspec.Meta(min_length=1)]  # an empty one could not be heard out
Plain = Annotated[str, msgspec.Meta(pattern=r"^[^{}]*$")]  # the same in every call: no variables
Milliseconds = Annotated[int, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the agent's file."""


class Phrases(_Settings, frozen=True, kw_only=True):
    """What the agent says word for word. `{name}` is replaced by a dynamic variable."""

    greeting: Phrase = "Hello, how can I help you?"  # opens the call
    fallback: Phrase = "Sorry, I did not understand that."  # a turn was not understood
    unknown: Phrase = "I am afraid I do not know that."  # the knowledge holds no answer
    transfer: Phrase = "I will put you through to a colleague."  # before a person takes over
    goodbye: Phrase = "Thank you for calling. Goodbye."  # before the agent hangs up
    declined: Phrase = "All right, I will leave that."  # the caller said no to an action
    failed: Phrase = "I am sorry, that did not work."  # an action failed
    unsure: Phrase = "I am not sure whether that was done."  # an action broke off midway
    back: Phrase = "I am sorry, we were cut off."  # the line broke and the caller is back
    moment: Plain = ""  # what the caller waits for is held up; empty: a recording, in English
    busy: str = "All our lines are busy. Please call again later."  # no room; empty: a busy tone


class Phases(_Settings, frozen=True, kw_only=True):
    """What the agent is after in each phase; goes into the prompt."""

    start: str = "Greet the caller."  # until the caller's first turn
    discovery: str = "Find out what the caller wants."  # until it is clear what is wanted
    active: str = "Answer the question or do what the caller asked for."  # until it is done
    completion: str = "Say goodbye."  # until the line ends


class Intent(_Settings, frozen=True, kw_only=True):
    """Something callers say, recognised by examples."""

    name: Name  # unique in the agent
    kind: Kind  # what it does to the conversation
    phrases: tuple[str, ...] = ()  # examples; `{slot}` stands for any value of that slot
    answer: Literal["yes", "no", ""] = ""  # what a confirm intent says
    tool: str = ""  # what an action intent asks for; 'transfer' hands the caller to a person
    reply: str = ""  # said word for word, without asking the model


class Tool(_Settings, frozen=True, kw_only=True):
    """Something the agent can do."""

    name: Name  # unique in the agent
    description: str  # tells the model what it is for
    url: str = ""  # POSTed as JSON with an Idempotency-Key; empty: only recorded in the log
    parameters: dict[str, Any] = {}  # JSON Schema of the arguments
    confirm: bool = True  # ask the caller first
    idempotent: bool = False  # may be repeated with the same key after a crash
    check: str = ""  # else asked, after a crash, whether it was run: the same POST to this address
    ask: str = "Shall I do that?"  # the question that asks for a yes; may hold `{argument}`
    done: str = ""  # said on success; empty: the model words the result
    timeout_ms: Milliseconds = 5_000  # wait for its answer


class Fallback(_Settings, frozen=True, kw_only=True):
    """An outside service that does a job when those before it fail."""

    provider: str  # its name
    model: str = ""  # of the provider; empty: its default
    temperature: float = 0.3  # 0..2; 0: always the likeliest words
    options: dict[str, Any] = {}  # the provider's own further settings


class Provider(Fallback, frozen=True, kw_only=True):
    """Which outside service does a job, and how it is set.

    The waits hold while there is a fallback left to go to; the last one is given more time.
    """

    fallbacks: tuple[Fallback, ...] = ()  # who does it when it fails, in this order
    connect_ms: Wait = 2_000  # for its connection
    first_ms: Wait = 3_000  # llm: for its first piece of text; stt: for a turn's words
    stall_ms: Wait = 2_000  # llm: between two pieces of text
    hedge_ms: Milliseconds = 0  # llm: then the next is asked beside it; 0: only when it failed


class BargeIn(_Settings, frozen=True, kw_only=True):
    """When the caller's voice stops the agent's."""

    enabled: bool = True  # false: the agent is always heard to the end
    ratio: float = 2.8  # times the noise floor
    minimum_rms: Annotated[int, msgspec.Meta(ge=1, le=32_767)] = 500  # of 16-bit samples
    loud_frames: Annotated[int, msgspec.Meta(ge=2)] = 2  # 20 ms each, before speech is believed
    speech_ms: Milliseconds = 100  # of speech before it counts
    debounce_ms: Milliseconds = 500  # after one barge-in, before the next


class Turns(_Settings, frozen=True, kw_only=True):
    """When the caller's turn is over, where the recogniser does not say so itself."""

    ratio: float = 2.8  # times the noise floor
    minimum_rms: Annotated[int, msgspec.Meta(ge=1, le=32_767)] = 300  # of 16-bit samples
    speech_ms: Milliseconds = 100  # of speech before it counts
    stop_ms: Milliseconds = 200  # silence after which speech counts as ended
    silence_ms: Milliseconds = 500  # further silence after which the turn counts as ended
    eager_ms: Milliseconds = 0  # silence after which an answer is prepared in case; 0: off


class Limits(_Settings, frozen=True, kw_only=True):
    """When a call or a wait is given up."""

    inactivity_ms: Milliseconds = 300_000  # neither side speaks
    duration_ms: Milliseconds = 3_600_000  # of the whole call
    media_silence_ms: Milliseconds = 5_000  # no frame arrives at all
    failures: Annotated[int, msgspec.Meta(ge=1)] = 3  # misheard in a row
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.3  # below: misheard
    passages_ms: Milliseconds = 1_500  # wait for knowledge
    passages: Annotated[int, msgspec.Meta(ge=1, le=20)] = 4  # taken at most for an answer
    model_ms: Milliseconds = 15_000  # wait for the model's next piece of text


class Transfer(_Settings, frozen=True, kw_only=True):
    """Where a caller goes who wants or needs a person."""

    to: str = ""  # a telephone number; empty: the call ends after the phrase


class Agent(_Settings, frozen=True, kw_only=True):
    """A configured assistant."""

    name: Name  # unique for the tenant; part of subjects
    title: str = ""  # for people to read
    prompt: str = ""  # what the model is told to be
    languages: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("en-US",)  # BCP 47
    variables: dict[str, str] = {}  # defaults of the dynamic variables
    phrases: Phrases = Phrases()  # said word for word
    phases: Phases = Phases()  # what is sought in each phase
    intents: tuple[Intent, ...] = ()  # beside those every agent knows
    slots: dict[str, tuple[str, ...]] = {}  # values a slot can take, as spoken
    digits: dict[str, str] = {}  # a key pressed counts as these words spoken
    tools: tuple[Tool, ...] = ()  # what it can do
    voice: Voice = Voice()  # how it sounds
    voices: dict[str, Voice] = {}  # in calls of one language: by BCP 47, `de-AT` before `de`
    stt: Provider = Provider(provider="pocketsphinx")  # who recognises
    llm: Provider = Provider(provider="rules")  # who words the answers
    barge_in: BargeIn = BargeIn()  # when the caller stops it
    turns: Turns = Turns()  # when a turn is over
    limits: Limits = Limits()  # when it gives up
    transfer: Transfer = Transfer()  # who takes over
    knowledge: str = ""  # folder of Markdown and text files, beside the agent's file


class AgentPublished(Event, frozen=True, kw_only=True, tag="agent.published/1"):
    """A new revision of an agent; calls that already run keep theirs."""

    revision: int  # starts at 1
    agent: Agent  # the whole agent as of this revision


def agent_id(agent: Agent) -> AgentId:
    """The agent's name, fit for a subject by the contract's own pattern."""
    return AgentId(agent.name)
