"""Questions to the table turns."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A row of turns: the columns' comments give meaning, unit and source of each field."""

    turn: int  # 0: the greeting
    utterance: int | None
    said: str | None
    intent: str | None
    kind: str | None
    slots: dict[str, str] | None
    confidence: float | None
    failures: int | None
    reply: int | None
    reply_kind: str | None
    replies: int
    written: str | None
    heard: str | None
    interrupted: bool
    sources: tuple[str, ...]
    top_score: float | None
    tools: tuple[str, ...]
    speech_ended_at: datetime | None
    transcribed_at: datetime | None
    taken_at: datetime | None
    passages_wanted_at: datetime | None
    passages_found_at: datetime | None
    passages_taken_at: datetime | None
    first_sentence_at: datetime | None
    playback_started_at: datetime | None
    stt_ms: float | None
    dialog_ms: float | None
    passages_ms: float | None
    model_ms: float | None
    tts_ms: float | None
    gateway_ms: float | None
    wait_ms: float | None


_OF_CALL: Final = f"SELECT {columns(Turn)} FROM turns WHERE tenant = $1 AND call = $2 ORDER BY turn"


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Turn, ...]:
    """The call's turns in order, the greeting first."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Turn)
