"""Only harmless ids enter a subject, and call ids sort by the time of the ring."""

import uuid
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts import streams
from contracts.ids import (
    AgentId,
    BadId,
    CallId,
    DocumentId,
    HostId,
    TenantId,
    checked,
    new_call_id,
    new_host_id,
)

ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
GOOD = "a-1"
SUBJECTS: dict[str, Callable[[str], str]] = {
    "call of a tenant": lambda id: streams.call_subject(TenantId(id), CallId(GOOD), "line"),
    "call": lambda id: streams.call_subject(TenantId(GOOD), CallId(id), "line"),
    "live call of a tenant": lambda id: streams.live_subject(TenantId(id), CallId(GOOD)),
    "live call": lambda id: streams.live_subject(TenantId(GOOD), CallId(id)),
    "claim of a tenant": lambda id: streams.claim_subject("stt", TenantId(id), CallId(GOOD)),
    "claim": lambda id: streams.claim_subject("stt", TenantId(GOOD), CallId(id)),
    "audio of a tenant": lambda id: streams.audio_subject(TenantId(id), CallId(GOOD), "caller"),
    "audio": lambda id: streams.audio_subject(TenantId(GOOD), CallId(id), "agent"),
    "agent of a tenant": lambda id: streams.agent_subject(TenantId(id), AgentId(GOOD)),
    "agent": lambda id: streams.agent_subject(TenantId(GOOD), AgentId(id)),
    "knowledge of a tenant": lambda id: streams.knowledge_subject(
        TenantId(id), AgentId(GOOD), DocumentId(GOOD)
    ),
    "knowledge of an agent": lambda id: streams.knowledge_subject(
        TenantId(GOOD), AgentId(id), DocumentId(GOOD)
    ),
    "document": lambda id: streams.knowledge_subject(TenantId(GOOD), AgentId(GOOD), DocumentId(id)),
    "host": lambda id: streams.host_subject(HostId(id)),
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
@given(id=st.one_of(st.text(max_size=70), st.text(ALLOWED + ".*> \r\n\t/٣é", max_size=70)))
@example(id="a.b")
@example(id="*")
@example(id=">")
@example(id="a\r\nPUB x 1")
@example(id="")
@example(id="a" * 10_240)
@example(id="a" * 65)
@example(id="٣٤")
@example(id="abc\n")
@example(id="\nabc")
@example(id="a\x00")
@example(id="\uff41")
@example(id="a" * 64)
def test_nothing_but_64_plain_characters_enters_a_subject(
    subject: Callable[[str], str], id: str
) -> None:
    if 1 <= len(id) <= 64 and set(id) <= set(ALLOWED):
        assert id in subject(id).split(".")
    else:
        with pytest.raises(BadId):
            subject(id)


@given(st.text(ALLOWED, min_size=1, max_size=64))
def test_what_is_allowed_comes_back_as_it_was(id: str) -> None:
    assert checked("tenant", id) == id


def test_the_refusal_never_quotes_the_id() -> None:
    with pytest.raises(BadId) as refused:
        checked("call", "zoë@example.org")
    said = "call id must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'"
    assert str(refused.value) == said


@pytest.mark.parametrize("family", streams.FAMILIES)
def test_a_calls_subject_names_its_place(family: streams.Family) -> None:
    tenant, call = TenantId("brandt"), new_call_id()
    place = (tenant, call, family)
    assert streams.parse_call_subject(streams.call_subject(tenant, call, family)) == place
    assert streams.parse_call_subject(streams.live_subject(tenant, call, family)) == place


@pytest.mark.parametrize("subject", ["", "call", "call.a.b", "call.a.b.c.d", "agent.a.b.c"])
def test_other_subjects_name_no_place_of_a_call(subject: str) -> None:
    with pytest.raises(ValueError, match="not a call's subject"):
        streams.parse_call_subject(subject)


@given(st.integers(0, (1 << 48) - 1))
def test_a_call_id_is_a_uuid_of_version_7_that_holds_the_time(now_ms: int) -> None:
    id = new_call_id(now_ms)
    made = uuid.UUID(id)
    assert str(made) == id
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == now_ms
    assert checked("call", id) == id


@given(st.lists(st.integers(0, (1 << 48) - 1), min_size=2, max_size=20, unique=True))
def test_call_ids_sort_by_the_time_of_the_ring(times_ms: list[int]) -> None:
    ids = {now_ms: new_call_id(now_ms) for now_ms in times_ms}
    assert sorted(ids.values()) == [ids[now_ms] for now_ms in sorted(times_ms)]


def test_calls_of_the_same_millisecond_have_different_ids() -> None:
    assert len({new_call_id(1_780_000_000_000) for _ in range(1_000)}) == 1_000


def test_a_host_id_may_enter_a_subject() -> None:
    host = new_host_id("dialog")
    assert streams.host_subject(host) == f"host.{host}"
    assert host != new_host_id("dialog")
