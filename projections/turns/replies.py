"""Events that name a reply only: they reach the turn through turn_replies.

In each statement $1, $2 and $3 are tenant, call and reply.
"""

from typing import Final

_OF_REPLY: Final = (
    " FROM turn_replies AS r WHERE (r.tenant, r.call, r.reply) = ($1, $2, $3)"
    " AND (turns.tenant, turns.call, turns.turn) = ($1, $2, r.turn)"
)

WRITTEN: Final = (
    "UPDATE turn_replies SET written = concat_ws(' ', written, $4::text)"
    " WHERE (tenant, call, reply) = ($1, $2, $3)"
)
TURN_WRITTEN: Final = (
    "UPDATE turns SET written = concat_ws(' ', turns.written, $4::text),"
    " first_sentence_at = coalesce(first_sentence_at, $5)" + _OF_REPLY
)
SYNTHESIZED: Final = "UPDATE turns SET tts_ms = $4" + _OF_REPLY + " AND turns.reply = $3"
PLAYBACK_STARTED: Final = (
    "UPDATE turns SET playback_started_at = coalesce(playback_started_at, $4)" + _OF_REPLY
)
HEARD: Final = "UPDATE turns SET heard = concat_ws(' ', heard, r.written)" + _OF_REPLY
CUT_OFF: Final = "UPDATE turns SET heard = concat_ws(' ', heard, nullif($4::text, ''))" + _OF_REPLY
INTERRUPTED: Final = (
    "UPDATE turns SET interrupted = true, heard = concat_ws(' ', heard, nullif($4::text, ''))"
    + _OF_REPLY
)
