"""Every name that leaves the process in a span or a metric: dashboards depend on them.

`gen_ai.*` are OpenTelemetry's, of the conventions named here; they are still under development, so
the version is told with everything (`partyline.semconv`). Nothing there is about speech: `voice.*`
are our own. https://github.com/open-telemetry/semantic-conventions-genai
"""

from typing import Final

SEMCONV: Final = "genai-1.37"
SCOPE: Final = "partyline"

OPERATION: Final = "gen_ai.operation.name"  # chat, embeddings, transcribe, synthesize
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
CALL: Final = "gen_ai.conversation.id"
AGENT: Final = "gen_ai.agent.id"
TENANT: Final = "partyline.tenant"
TOKENS_IN: Final = "gen_ai.usage.input_tokens"
TOKENS_OUT: Final = "gen_ai.usage.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # input, output
ERROR: Final = "error.type"  # the failure's kind, see infra.outside.OutsideFailed
FIRST_MS: Final = "voice.time_to_first_result_ms"
CHARACTERS: Final = "voice.characters"  # synthesised
AUDIO_MS: Final = "voice.audio_ms"  # heard, or synthesised

DURATION: Final = "gen_ai.client.operation.duration"  # s
FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"  # s
CHUNK_GAP: Final = "gen_ai.client.operation.time_per_output_chunk"  # s
TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # {token}
CHARACTERS_SPOKEN: Final = "voice.client.characters"  # {character}
AUDIO: Final = "voice.client.audio.duration"  # s
COST: Final = "voice.client.cost"  # in `voice.currency`
REFUSED: Final = "partyline.calls.refused"  # {call}
CURRENCY: Final = "voice.currency"  # ISO 4217
