"""Each use of an embedding is a span, without a word of what was embedded."""

from told_telemetry import Told
from vendors.openai_embeddings import error, openai_embeddings

from infra.telemetry import about, names
from services.rag.counts import Counts
from services.rag.meaning import Meaning
from services.rag.providers.openai import OpenAIEmbedding

SECRET = "my number is four five six"


async def test_questions_and_passages_are_told_and_so_is_what_fails(told: Told) -> None:
    about("main", "call-1", "receptionist")
    async with openai_embeddings() as vendor:
        embedding = OpenAIEmbedding(vendor.key, f"{vendor.url}/v1")
        meaning = Meaning(embedding, Counts(), question_ms=5_000, remembered=0)
        await meaning.of_question(SECRET)
        await meaning.of_passages([SECRET])
        vendor.refusal = error(503, "overloaded")
        await meaning.of_question(SECRET)
        await embedding.close()
    assert [span.name for span in told.spans] == ["embeddings text-embedding-3-small"] * 3
    assert [(span.attributes or {}).get(names.ERROR) for span in told.spans] == [
        None,
        None,
        "unavailable",
    ]
    for span in told.spans:
        assert (span.attributes or {})[names.CALL] == "call-1"
        assert SECRET not in span.to_json()
