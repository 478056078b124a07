"""What some models want before a text, to know what is searched from what is asked."""

from typing import Final, NamedTuple


class Prefixes(NamedTuple):
    """What a model was trained to see first."""

    passage: str = ""
    question: str = ""


_SEARCHING: Final = "Represent this sentence for searching relevant passages: "
# By the beginning of the model's name, without owner. Sources: the models' cards at
# https://huggingface.co, nomic-ai/nomic-embed-text-v1.5, intfloat/e5-base-v2,
# mixedbread-ai/mxbai-embed-large-v1, BAAI/bge-small-en-v1.5, Snowflake/snowflake-arctic-embed-m.
_KNOWN: Final = {
    "nomic-embed-text": Prefixes("search_document: ", "search_query: "),
    "e5-": Prefixes("passage: ", "query: "),
    "multilingual-e5-": Prefixes("passage: ", "query: "),
    "mxbai-embed-large": Prefixes(question=_SEARCHING),
    "bge-small-en": Prefixes(question=_SEARCHING),
    "bge-base-en": Prefixes(question=_SEARCHING),
    "bge-large-en": Prefixes(question=_SEARCHING),
    "snowflake-arctic-embed": Prefixes(question=_SEARCHING),
}


def prefixes_of(model: str) -> Prefixes:
    """Of a model by its name, with owner and tag or without; none for one that is not known."""
    name = model.rpartition("/")[2].lower()
    return next((known for start, known in _KNOWN.items() if name.startswith(start)), Prefixes())
