"""How a gateway is set up. Read from the environment by the command line, never here."""

from typing import Annotated, Literal

import msgspec

from contracts.ids import AgentId, TenantId

Positive = Annotated[int, msgspec.Meta(ge=1)]


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Everything a gateway can be told."""

    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one
    public_origin: str = ""  # as carriers see it, https://voice.example.com; empty: host and port
    twilio_account_sid: str = ""  # whose calls are called back over REST; empty: nobody's
    twilio_auth_token: str | None = None  # None: signatures are not checked
    twilio_url: str = ""  # another address of Twilio's REST API
    twilio_shared_key: str | None = None  # for webhooks that Twilio signs with a SharedKey
    media_auth: bool = True  # False: whoever reaches the media socket may talk to the agent
    token_secret: bytes = b""  # shared by all gateways behind one origin; empty: made at the start
    token_ttl_s: Positive = 60
    unanswered_s: Positive = 65  # a call whose sound has not come by then is ended
    gone_ms: Positive = 8_000  # a gateway that does not answer for so long has lost its lines
    call_back_ms: Positive = 3_000  # a lost line not back by then is called back over REST
    return_ms: Positive = 30_000  # not back by then, it is ended
    watched: Positive = 10_000  # lines this gateway watches over at most, its own and others'
    drain: Literal["hand_over", "finish", "end"] = "hand_over"  # what stopping does with lines
    drain_s: Positive = 20  # hand over: at the latest after so long; finish: wait for so long
    tenant: TenantId = TenantId("main")
    agent: AgentId = AgentId("receptionist")  # who answers when the webhook names nobody
    detector: Literal["energy", "silero"] = "energy"  # what tells that a caller speaks
    start_ms: Positive = 5_000  # a media socket must name its call within
    ring_ms: Positive = 3_000  # a ring must be in the log within, or the caller is told to wait
    away_ms: Positive = 1_000  # the log silent for so long in a call: the caller is told to wait
    given_up_ms: Positive = 30_000  # silent for so long: the call ends
    # How late loops and the log may be, 95th percentile of 5 s, before rings are refused; 0: never.
    busy_ms: Annotated[int, msgspec.Meta(ge=0)] = 20
    rings_at_once: Positive = 20  # calls whose line is not up yet; further rings wait their turn

    def __repr__(self) -> str:
        return f"GatewaySettings(host={self.host!r}, port={self.port}, tenant={self.tenant!r})"
