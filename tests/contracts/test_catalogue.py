"""The catalogue is made from the contracts, current, and leaves nothing unexplained."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from contracts import catalogue, described, readme, streams
from contracts.channels import EVENTS, RETIRED, channels, present, tag
from contracts.marks import personal_fields

CONTRACTS = Path(catalogue.__file__).parent
PUBLIC = [kind for module in described.MODULES for kind in described.structs(module)]


class Riddle(msgspec.Struct):
    enigma_ms: int


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_every_struct_and_every_field_is_explained(kind: type[msgspec.Struct]) -> None:
    assert described.meaning(kind).endswith((".", "?"))
    for field in kind.__struct_fields__:
        assert described.field_meaning(kind, field)


def test_every_module_with_structs_of_the_wire_is_described() -> None:
    beside = {"__init__", "asyncapi", "catalogue", "channels", "codec", "described", "ids"}
    beside |= {"journal", "marked_fields", "markdown", "marks", "readme", "seal", "streams", "wire"}
    modules = {file.stem for file in CONTRACTS.glob("*.py")}
    assert modules - beside == set(described.MODULES)


def test_what_nobody_explained_is_named() -> None:
    with pytest.raises(described.Undocumented, match=r"Riddle\.enigma_ms has no comment"):
        described.field_meaning(Riddle, "enigma_ms")
    with pytest.raises(described.Undocumented, match="Riddle has no docstring"):
        described.meaning(Riddle)


def test_a_comment_beside_the_field_goes_before_an_inherited_one() -> None:
    played, cleared = (
        next(kind for kind in PUBLIC if kind.__name__ == name)
        for name in ("SentencePlayed", "PlaybackCleared")
    )
    assert described.field_meaning(played, "sentence").startswith("number of the sentence")
    assert described.field_meaning(cleared, "sentence").startswith("the sentence that was cut")


@pytest.mark.parametrize("family", streams.FAMILIES)
def test_a_familys_docstring_names_the_writer_and_readers_of_the_topology(
    family: streams.Family,
) -> None:
    head = described.head(family)
    assert head.subject == f"call.<tenant>.<call>.{family}"
    assert head.stream == streams.CALLS.name
    assert head.written == (streams.WRITERS[family],)
    assert set(head.read) == set(streams.READERS[family])


def test_every_subject_of_every_stream_is_a_channel_and_no_channel_leaves_its_stream() -> None:
    stored = {stream.name: stream for stream in streams.STREAMS}
    assert {channel.stream for channel in channels() if channel.stream} == set(stored)
    for channel in channels():
        shape = re.sub("<.+?>", "x", channel.subject)
        if channel.stream:
            patterns = [
                re.escape(subject).replace(r"\*", "[^.]+")
                for subject in stored[channel.stream].subjects
            ]
            assert any(re.fullmatch(pattern, shape) for pattern in patterns), channel.name


def test_the_page_names_every_event_with_version_fields_and_marks() -> None:
    page = readme.page()
    for kind in {kind for kinds in EVENTS.values() for kind in kinds}:
        section = page.partition(f"### {kind.__name__}\n")[2].partition("\n#")[0]
        assert f"`{tag(kind)}`" in section
        marks = re.findall(r"^\| `(\w+)` .*\*\*personal\*\*", section, re.MULTILINE)
        assert set(marks) == personal_fields(kind)
        assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == [*kind.__struct_fields__]
    for kind in RETIRED:
        assert f"| `{tag(kind)}` | `{tag(present(kind))}` |" in page


def test_every_link_of_the_page_leads_to_a_heading() -> None:
    page = readme.page()
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    assert set(re.findall(r"\]\(#(.+?)\)", page)) <= set(anchors)
    assert len(anchors) == len(set(anchors))


def test_the_committed_files_are_current() -> None:
    assert catalogue.stale(CONTRACTS) == []


def test_the_same_contracts_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    program = "import sys; from contracts.catalogue import main; from pathlib import Path; "
    program += "sys.exit(main([], Path(sys.argv[1])))"
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            env={"PYTHONHASHSEED": seed},
            cwd=CONTRACTS.parent,
            check=True,
            timeout=60,
        )
    for name, text in catalogue.generated().items():
        assert (tmp_path / "1" / name).read_text() == (tmp_path / "2" / name).read_text() == text


def test_writing_makes_stale_files_current(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "README.md").write_text("of last year")
    assert catalogue.main(["--check"], folder) == 1
    said = capsys.readouterr().err
    assert said == (
        "Not as the contracts say: contracts/README.md and contracts/asyncapi.json."
        " Run ./just catalogue.\n"
    )
    assert catalogue.main([], folder) == 0
    assert catalogue.main(["--check"], folder) == 0
    assert catalogue.main(["--chekc"], folder) == 2


def test_the_check_is_a_command() -> None:
    command = [sys.executable, "-m", "contracts.catalogue", "--check"]
    checked = subprocess.run(command, cwd=CONTRACTS.parent, timeout=60, check=False)
    assert checked.returncode == 0
