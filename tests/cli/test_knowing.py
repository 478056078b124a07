"""Which embedding a `rag` process works with, as its settings say."""

from pathlib import Path

import pytest
from vendors.tiny_embedding import make_model

from services.cli.knowing import embedding_of
from services.cli.settings import BadSetting, from_environment


def test_without_a_word_about_it_there_is_no_embedding() -> None:
    assert embedding_of(from_environment({}, {"OPENAI_API_KEY": "sk-any"})) is None


async def test_the_setting_chooses_provider_and_model() -> None:
    environment = {
        "PARTYLINE_EMBEDDING": "ollama",
        "PARTYLINE_EMBEDDING_MODEL": "all-minilm",
        "OLLAMA_HOST": "http://127.0.0.1:11434",
    }
    embedding = embedding_of(from_environment({}, environment))
    assert embedding
    assert (embedding.name, embedding.space) == ("ollama", "ollama/all-minilm")
    await embedding.close()


async def test_a_model_on_disk_is_chosen_by_its_folder(tmp_path: Path) -> None:
    environment = {
        "PARTYLINE_EMBEDDING": "fastembed",
        "PARTYLINE_FASTEMBED_MODEL": str(make_model(tmp_path)),
    }
    embedding = embedding_of(from_environment({}, environment))
    assert embedding
    assert embedding.capabilities.local
    await embedding.close()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PARTYLINE_EMBEDDING": "openai"}, "embedding=openai: set PARTYLINE_OPENAI_API_KEY"),
        (
            {"PARTYLINE_EMBEDDING": "fastembed", "PARTYLINE_FASTEMBED_MODEL": "/nowhere"},
            "embedding=fastembed: its folder has no tokenizer.json",
        ),
        ({"PARTYLINE_EMBEDDING": "word2vec"}, "must be none or openai or ollama or fastembed"),
    ],
)
def test_an_embedding_that_cannot_be_used_says_what_it_needs(
    environment: dict[str, str], says: str
) -> None:
    with pytest.raises(BadSetting, match=f"(?i){says}"):
        embedding_of(from_environment({}, environment))
