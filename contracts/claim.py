"""The right of one process to host one call in one role.

subject  claim.<role>.<tenant>.<call>    stream  CLAIMS
written  services/gateway                read    services/stt, services/dialog, services/gateway
"""

from typing import Literal

import msgspec

from contracts.event import AgentRef
from contracts.ids import CallId, TenantId

Role = Literal["stt", "dialog", "line"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A call that wants a host."""

    tenant: TenantId  # whose call it is
    call: CallId  # the call to host
    role: Role  # the part of the call to host
    agent: AgentRef  # the revision this call keeps
    rang_ms: int  # UNIX time in milliseconds
