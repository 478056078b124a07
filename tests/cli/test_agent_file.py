"""Agents' files: what is right in them is read, what is wrong is named with field and line."""

from pathlib import Path

import pytest

from contracts.dialog import FallbackVoice
from services.cli.agent_file import AgentFileError, read_agent, read_knowledge
from services.dialog.providers import OFFERED as MODELS
from services.stt.providers import OFFERED
from services.tts.providers import OFFERED as VOICES

EXAMPLE = Path(__file__).parents[2] / "services" / "cli" / "example" / "agent.toml"


def written(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    """What is said about a file, from the line number on."""
    path = written(folder, text)
    with pytest.raises(AgentFileError) as error:
        read_agent(path)
    said = str(error.value)
    assert said.startswith(f"{path}:")
    return said.removeprefix(f"{path}:").strip()


def test_the_example_agent_is_read_with_its_tools_at_the_address_given() -> None:
    agent = read_agent(EXAMPLE, {"diary": "http://127.0.0.1:8080"})
    assert agent.name == "receptionist"
    assert [tool.url for tool in agent.tools] == ["http://127.0.0.1:8080/bookings"]
    assert agent.llm.provider == "rules"


def test_the_examples_knowledge_becomes_documents() -> None:
    documents = read_knowledge(EXAMPLE, read_agent(EXAMPLE), at_ms=7)
    assert "opening-hours" in [d.document for d in documents]
    assert all(d.text and d.at_ms == 7 and len(d.sha256) == 64 for d in documents)
    assert {d.media_type for d in documents} == {"text/markdown"}


def test_an_agent_needs_nothing_but_a_name(tmp_path: Path) -> None:
    agent = read_agent(written(tmp_path, 'name = "a"\n'))
    assert agent.limits.failures == 3
    assert read_knowledge(tmp_path / "agent.toml", agent, at_ms=0) == []


def test_fallbacks_are_read_in_their_order(tmp_path: Path) -> None:
    text = (
        'name = "a"\n[llm]\nprovider = "groq"\nfirst_ms = 800\nhedge_ms = 400\n'
        '[[llm.fallbacks]]\nprovider = "groq"\nmodel = "llama-3.1-8b-instant"\n'
        '[[llm.fallbacks]]\nprovider = "rules"\n'
        '[[voice.fallbacks]]\nprovider = "flite"\nname = "slt"\n'
    )
    agent = read_agent(written(tmp_path, text))
    named = [(each.provider, each.model) for each in agent.llm.fallbacks]
    assert named == [("groq", "llama-3.1-8b-instant"), ("rules", "")]
    assert (agent.llm.first_ms, agent.llm.hedge_ms) == (800, 400)
    assert agent.voice.fallbacks == (FallbackVoice(provider="flite", name="slt"),)
    assert agent.stt.fallbacks == ()


MISTAKES = {
    "a field nobody knows": (
        'name = "a"\n\nnmae = "b"\n',
        "3: field 'nmae': no such field",
    ),
    "a field nobody knows in a table": (
        'name = "a"\n[phrases]\ngreeting = "x"\ngreetin = "y"\n',
        "4: field 'phrases.greetin': no such field",
    ),
    "a word for a number": (
        'name = "a"\n[limits]\n\nfailures = "three"\n',
        "4: field 'limits.failures': Expected `int`, got `str`",
    ),
    "a number out of range": (
        'name = "a"\nlimits.failures = 0\n',
        "2: field 'limits.failures': Expected `int` >= 1",
    ),
    "no name": ('title = "a"\n', "1: field '(top level)': Object missing required field `name`"),
    "a name not fit for a subject": (
        'name = "a b"\n',
        "1: field 'name': Expected `str` matching regex '^[A-Za-z0-9_-]{1,64}$'",
    ),
    "a date": ("name = 2024-01-01\n", "1: field 'name': Expected `str`, got `date`"),
    "no language": (
        'name = "a"\nlanguages = []\n',
        "2: field 'languages': Expected `array` of length >= 1",
    ),
    "a second tool without its description": (
        'name = "a"\n[[tools]]\nname = "x"\ndescription = "d"\n\n[[tools]]\nname = "y"\n',
        "6: field 'tools.1': Object missing required field `description`",
    ),
    "a kind nobody knows": (
        'name = "a"\n[[intents]]\nname = "x"\nkind = "dance"\n',
        "4: field 'intents.0.kind': Invalid enum value 'dance'",
    ),
    "an inline table": (
        'name = "a"\nvoice = { provider = 3 }\n',
        "2: field 'voice.provider': Expected `str`, got `int`",
    ),
    "a provider nobody offers": (
        'name = "a"\n[stt]\nprovider = "deepgramm"\n',
        f"3: field 'stt.provider': none of {', '.join(sorted(OFFERED))}",
    ),
    "a voice of a language by a provider nobody offers": (
        'name = "a"\nlanguages = ["hi-IN"]\n[voices.hi-IN]\nname = "x"\nprovider = "sarwam"\n',
        f"5: field 'voices.hi-IN.provider': none of {', '.join(sorted(VOICES))}",
    ),
    "a voice of a language the agent does not speak": (
        'name = "a"\n[voices]\nen = { provider = "tone" }\nhi-IN = { provider = "tone" }\n',
        "4: field 'voices.hi-IN': no language of the agent: en-US",
    ),
    "a field no voice has": (
        'name = "a"\n[voices.en]\nprovider = "tone"\nsped_wpm = 100\n',
        "4: field 'voices.en.sped_wpm': no such field",
    ),
    "a speed that is no number": (
        'name = "a"\n[voices]\nen = { speed_wpm = "fast" }\n',
        "3: field 'voices.en.speed_wpm': Expected `int`, got `str`",
    ),
    "a fallback nobody offers": (
        'name = "a"\n[llm]\nprovider = "groq"\n[[llm.fallbacks]]\nprovider = "rules"\n'
        '[[llm.fallbacks]]\nmodel = "x"\nprovider = "gorq"\n',
        f"8: field 'llm.fallbacks.1.provider': none of {', '.join(sorted(MODELS))}",
    ),
    "a fallback that is the first again": (
        'name = "a"\n[voice]\nprovider = "espeak"\n\n[[voice.fallbacks]]\nprovider = "espeak"\n',
        "5: field 'voice.fallbacks.0': the same as one before it: it would fail with it",
    ),
    "a fallback with fallbacks": (
        'name = "a"\n[[stt.fallbacks]]\nprovider = "tones"\nfallbacks = []\n'
        '[stt]\nprovider = "scripted"\n',
        "4: field 'stt.fallbacks.0.fallbacks': no such field",
    ),
    "a wait of no time": (
        'name = "a"\n[voice]\nstall_ms = 0\n',
        "3: field 'voice.stall_ms': Expected `int` >= 1",
    ),
    "a hedge without anybody to ask": (
        'name = "a"\n[llm]\nprovider = "groq"\nhedge_ms = 300\n',
        "4: field 'llm.hedge_ms': there is no fallback to ask beside it",
    ),
    "a recogniser that is hedged": (
        'name = "a"\n[stt]\nprovider = "tones"\nhedge_ms = 300\n',
        "4: field 'stt.hedge_ms': only a model can be hedged",
    ),
    "a question with an unknown parameter": (
        'name = "a"\n[[tools]]\nname = "x"\ndescription = "d"\nask = "On {dya}?"\n',
        "5: field 'tools.0.ask': no parameter named 'dya'",
    ),
    "a slot that is no list": (
        'name = "a"\n[slots]\nday = ["monday"]\ntime = "nine"\n',
        "4: field 'slots.time': Expected `array`, got `str`",
    ),
    "a value of a slot that is no text": (
        'name = "a"\n[slots]\nday = ["monday", 3]\n',
        "3: field 'slots.day.1': Expected `str`, got `int`",
    ),
    "a key's words that are no text": (
        'name = "a"\n[digits]\n"0" = 7\n',
        "3: field 'digits.0': Expected `str`, got `int`",
    ),
    "a table spelled out in a longer text before": (
        'name = "a"\nprompt = """\n[limits]\nfailures = 3\n"""\n[limits]\nfailures = 0\n',
        "7: field 'limits.failures': Expected `int` >= 1",
    ),
    "a tool nobody has": (
        'name = "a"\n[[intents]]\nname = "x"\nkind = "action"\ntool = "book"\n',
        "5: field 'intents.0.tool': no tool named 'book'",
    ),
    "a slot nobody has": (
        'name = "a"\n[[intents]]\nname = "x"\nkind = "action"\nphrases = ["on {day}"]\n',
        "5: field 'intents.0.phrases': no slot named 'day'",
    ),
    "parameters that are no schema": (
        'name = "a"\n[[tools]]\nname = "x"\ndescription = "d"\n'
        '[tools.parameters]\ntype = "nonsense"\n',
        "5: field 'tools.0.parameters': no JSON Schema: $.type breaks 'anyOf'",
    ),
    "no TOML": (
        'name = "a"\nfoo\n',
        "not TOML: Expected '=' after a key in a key/value pair (at line 2, column 4)",
    ),
    "a field given twice": (
        'name = "a"\nname = "b"\n',
        "not TOML: Cannot overwrite a value (at line 2, column 11)",
    ),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_field_and_line(tmp_path: Path, text: str, said: str) -> None:
    assert complaint(tmp_path, text) == said


def test_a_file_that_is_not_there_or_not_text_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(AgentFileError, match="cannot be read: FileNotFoundError"):
        read_agent(tmp_path / "none.toml")
    (tmp_path / "agent.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(AgentFileError, match="cannot be read: UnicodeDecodeError"):
        read_agent(tmp_path / "agent.toml")


def test_a_knowledge_folder_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, 'name = "a"\nknowledge = "books"\n')
    with pytest.raises(AgentFileError, match=":2: field 'knowledge': there is no folder"):
        read_knowledge(path, read_agent(path), at_ms=0)


def test_a_document_that_is_no_text_or_too_large_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, 'name = "a"\nknowledge = "books"\n')
    agent = read_agent(path)
    book = tmp_path / "books" / "book.md"
    book.parent.mkdir()
    book.write_bytes(b"\xff")
    with pytest.raises(AgentFileError, match=r"book\.md: not UTF-8 text"):
        read_knowledge(path, agent, at_ms=0)
    book.write_bytes(b"x" * 400_001)
    with pytest.raises(AgentFileError, match=r"book\.md: larger than 400000 bytes"):
        read_knowledge(path, agent, at_ms=0)


def test_documents_are_named_fit_for_a_subject(tmp_path: Path) -> None:
    path = written(tmp_path, 'name = "a"\nknowledge = "."\n')
    (tmp_path / "Öffnungs zeiten.txt").write_text("Von neun bis fünf.")
    (document,) = read_knowledge(path, read_agent(path), at_ms=0)
    assert (document.document, document.media_type) == ("-ffnungs-zeiten", "text/plain")
