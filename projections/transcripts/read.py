"""Questions to the table transcripts."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """A row of transcripts: the columns' comments give meaning, unit and source of each field."""

    sequence: int
    index: int
    speaker: str  # caller, agent
    at: datetime
    turn: int | None
    utterance: int | None
    reply: int | None
    sentence: int | None
    kind: str | None
    text: str
    language: str
    confidence: float | None
    provider: str | None
    heard: str | None  # whole, part, none; None: not known, or said by the caller
    interrupted: bool
    repeated: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A row in which the words were found."""

    call: str
    sequence: int
    index: int
    speaker: str
    at: datetime
    turn: int | None
    language: str
    snippet: str  # the text around the words, which stand between two pairs of asterisks


_OF_CALL: Final = (
    f"SELECT {columns(Utterance)} FROM transcripts WHERE tenant = $1 AND call = $2"
    " ORDER BY sequence, index"
)
# One look into the index for each language's configuration: what a word's stem is depends on it.
# Only the rows that are shown are cut into snippets.
SEARCH: Final = """
    SELECT call, sequence, index, speaker, at, turn, language,
           ts_headline(
               config, left(text, 100000), query,
               'StartSel=**, StopSel=**, MaxFragments=2, MaxWords=20, MinWords=5, ShortWord=0'
           ) AS snippet
    FROM (
        SELECT t.*, c.config, c.query
        FROM (SELECT cfgname::text AS name, oid::regconfig AS config,
                     websearch_to_tsquery(oid::regconfig, $2) AS query
              FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace) AS c
        CROSS JOIN LATERAL (
            SELECT * FROM transcripts
            WHERE tenant = $1 AND words @@ c.query AND configuration = c.name
        ) AS t
        ORDER BY at DESC, sequence DESC, index DESC
        LIMIT $3
    ) AS newest
    ORDER BY at DESC, sequence DESC, index DESC
"""


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Utterance, ...]:
    """All that was said in the call, in its order."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Utterance)


async def search(pool: Pool, tenant: TenantId, words: str, limit: int = 20) -> tuple[Found, ...]:
    """Where the words were said, the newest first. Forms of a word are found by any other.

    `words`: as in a web search: all of them; "a phrase"; this or that; -not. Words without meaning
    of their own (the, a) are not looked for: of nothing else, nothing is found.
    """
    return as_structs(await pool.fetch(SEARCH, tenant, words, limit), Found)
