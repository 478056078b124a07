"""What many calls need, by the model: what it multiplies, and what stands in the way first."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from contracts.streams import AUDIO, CALLS, STREAMS
from loadtest.scale.measured import FILE, Figure, Measured, read
from loadtest.scale.model import needs
from loadtest.scale.walls import Wall, group_calls, room_for, walls


@pytest.fixture
def known() -> Measured:
    return read()


def with_(known: Measured, **values: float) -> Measured:
    changed = {name: replace(getattr(known, name), value=value) for name, value in values.items()}
    return replace(known, **changed)


def wall(known: Measured, name: str) -> Wall:
    return next(each for each in walls(known) if each.name == name)


def figures(known: msgspec.Struct) -> list[Figure]:
    parts = [getattr(known, field) for field in known.__struct_fields__]
    nested = [p for part in parts for p in (part.values() if isinstance(part, dict) else [part])]
    return [
        figure
        for part in nested
        for figure in ([part] if isinstance(part, Figure) else figures(part))
    ]


def test_every_figure_says_where_it_comes_from(known: Measured) -> None:
    for figure in figures(known):
        assert figure.unit
        assert figure.source
        if figure.how == "measured":
            assert figure.source.startswith(("./just ", "PYTHONPATH="))


def test_what_is_read_in_the_code_is_what_the_code_says(known: Measured) -> None:
    assert known.audio_limit.value == AUDIO.max_bytes
    assert known.kept_days.value * 86_400 == CALLS.max_age_s


def test_ten_times_the_calls_need_ten_times_the_cores(known: Measured) -> None:
    few, many = needs(known, 1_000), needs(known, 10_000)
    assert many.all_cores == pytest.approx(10 * few.all_cores)
    assert many.appends_per_s == pytest.approx(10 * few.appends_per_s)


def test_a_role_gets_a_process_for_each_core_it_fills(known: Measured) -> None:
    found = needs(known, 10_000)
    for name, cores in found.cores.items():
        if name in found.processes and name != "projections":
            assert found.processes[name] >= cores


def test_the_tables_of_a_group_are_written_by_one_process_which_has_a_core_s_time(
    known: Measured,
) -> None:
    found = needs(known, 100_000)
    assert found.processes["projections"] == found.groups
    assert found.cores["projections"] <= found.groups


def test_each_group_has_its_own_streams_and_somebody_for_each_role(known: Measured) -> None:
    found = needs(known, 100_000)
    assert found.groups == -(-100_000 // group_calls(known))
    assert found.streams == found.groups * len(STREAMS)
    assert min(found.processes.values()) >= found.groups


def test_the_log_is_on_three_servers_however_few_the_calls(known: Measured) -> None:
    assert needs(known, 1).nats_nodes == 3


def test_the_nearest_wall_comes_first(known: Measured) -> None:
    found = [each.calls for each in walls(known)]
    assert found == sorted(found)


def test_a_slower_disk_brings_the_log_s_wall_nearer(known: Measured) -> None:
    slower = with_(known, alone_append=2 * known.alone_append.value)
    name = "log, one server"
    assert wall(slower, name).calls == pytest.approx(wall(known, name).calls / 2)


def test_calls_that_leave_the_log_early_leave_room_for_others(known: Measured) -> None:
    name = "subjects of a day's calls, then archived"
    later = with_(known, archived_days=2 * known.archived_days.value)
    assert wall(later, name).calls == pytest.approx(wall(known, name).calls / 2)
    assert needs(known, 1_000).subjects < needs(known, 1_000).subjects_without_archive


def test_a_group_holds_what_its_nearest_wall_lets_it(known: Measured) -> None:
    assert group_calls(with_(known, claims_limit=50)) == 50


def test_the_calls_of_one_process_are_so_few_that_others_take_them_in_time(
    known: Measured,
) -> None:
    assert room_for(with_(known, takeover_cpu=4.0), within_s=3.0, heirs=1) == 250
    assert room_for(with_(known, takeover_cpu=4.0), within_s=3.0, heirs=4) == 1_000


def test_a_figure_without_a_source_is_refused(tmp_path: Path) -> None:
    text = FILE.read_text().splitlines()
    without = next(n for n, line in enumerate(text) if line.startswith("source"))
    (tmp_path / "figures.toml").write_text("\n".join(text[:without] + text[without + 1 :]))
    with pytest.raises(msgspec.ValidationError, match="source"):
        read(tmp_path / "figures.toml")
