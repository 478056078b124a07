"""What comes of a run, when it counts, and what is called worse."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from infra.nats_system import Traffic
from loadtest.load import bench, compare
from loadtest.load.accounting import Ran, figures, mib, slopes
from loadtest.load.compare import changes, void_runs
from loadtest.load.drift import Sizes
from loadtest.load.endless import endless
from loadtest.load.figures import Figures, judged, void
from loadtest.load.heard import Heard, Timed, together
from loadtest.load.meter import Sample, Work
from loadtest.load.page import page
from loadtest.load.report import Report, read, report, table, write
from loadtest.load.scenario import AGENT, Must, NoScenario, names
from loadtest.load.scenario import read as read_scenario
from loadtest.load.spread import Spread, spread
from loadtest.load.systems import reply_ms, sentences
from loadtest.proc import Cost
from services.cli.agent_file import read_agent
from services.gateway.wire import UNSENT_LIMIT_BYTES


def looked(at_s: float, cpu_s: float, mib: float) -> Sample:
    return Sample(at_s, {"roles": Cost(cpu_s, mib), "nats-server": Cost(cpu_s / 2, 50.0)}, 0.0)


def ran(**heard: Any) -> Ran:
    """Two calls of a minute each, two CPU seconds in roles and one in NATS."""
    samples = [looked(100.0, 10.0, 200.0), looked(130.0, 11.0, 204.0), looked(160.0, 12.0, 206.0)]
    after = Work(traffic=Traffic(in_msgs=600, out_msgs=1200), commits=60, log_mib=1.0)
    told = Heard(call_s=120.0, cpu_s=0.5, ticks_late_ms=[1.0], **heard)
    return Ran(told, Heard(), samples, Work(), after)


def made(**known: Any) -> Figures:
    base = dict(system="partyline", scenario="steady", calls=10, length_s=30.0, void=False)
    return Figures(**(base | known))


def alone(**known: Any) -> Report:
    return report([made(**known)], how="just load steady", note="for a test")


def test_the_wait_added_is_without_the_silence_that_was_asked_for() -> None:
    waits = [Timed(101.0, 705.0), Timed(102.0, 710.0), Timed(103.0, 730.0)]
    found = figures("partyline", "steady", 2, 700, ran(waits=waits))
    assert (found.wait_ms.n, found.wait_ms.p50, found.wait_ms.p99) == (3, 10.0, 30.0)


def test_what_is_used_is_shared_among_the_minutes_of_all_calls() -> None:
    found = figures("partyline", "steady", 2, 700, ran())
    assert found.cpu_by_program == {"roles": 1.0, "nats-server": 0.5}
    assert found.cpu_s_per_call_min == 1.5
    assert found.cpu_by_callers == pytest.approx(1.5 / 0.25)
    assert found.mib_by_program == {"roles": 3.0, "nats-server": 0.0}
    assert found.servers is not None
    assert (found.servers.nats_msgs_per_s, found.servers.postgres_commits_per_s) == (30.0, 1.0)
    assert found.servers.log_mib_per_call_min == 0.5


def test_late_frames_are_a_share_of_all_frames() -> None:
    assert figures("p", "s", 2, 700, ran(frames=400, late_frames=2)).late_pct == 0.5


def test_memory_that_grows_has_a_slope_and_what_is_flat_has_none() -> None:
    growing = [looked(60.0 * minute, 0.0, 100.0 + 3 * minute) for minute in range(10)]
    assert slopes(growing, mib) == {"nats-server": 0.0, "roles": pytest.approx(3.0)}


def test_waits_that_creep_up_are_seen_in_the_quarters_of_a_run() -> None:
    waits = [Timed(float(second), 700.0 + second) for second in range(100, 180)]
    creeping = figures("partyline", "long", 2, 700, ran(waits=waits)).wait_quarters_ms
    assert [quarter.p50 for quarter in creeping] == [110, 130, 150, 170]
    assert sum(quarter.n for quarter in creeping) == 80
    at_once = figures("partyline", "long", 2, 700, ran(waits=[Timed(1.0, 705.0)] * 3))
    assert [quarter.n for quarter in at_once.wait_quarters_ms] == [3, 0, 0, 0]
    assert figures("partyline", "long", 2, 700, ran()).wait_quarters_ms == ()


def test_a_stream_that_grows_has_a_slope_and_one_that_is_full_has_none() -> None:
    seen = [Sizes(60.0 * minute, {"CALLS": 2.0 * minute, "AUDIO": 8.0}) for minute in range(8)]
    found = figures("partyline", "long", 2, 700, ran()._replace(streams=seen))
    assert found.stream_mib == {"CALLS": 14.0, "AUDIO": 8.0}
    assert found.stream_mib_per_min == {"CALLS": 2.0, "AUDIO": 0.0}


def test_a_run_whose_callers_were_late_is_void() -> None:
    assert void(10.0, 5.0) == ()
    assert void(10.1, 0.0) == ("the callers were 10.1 ms late (p99)",)


def test_a_run_from_which_time_was_stolen_is_void() -> None:
    assert void(1.0, 5.1) == ("5.1 % of the machine's time was stolen",)


def test_late_callers_make_the_figures_void() -> None:
    late = ran()
    late.heard.ticks_late_ms = [1.0] * 90 + [40.0] * 10
    found = figures("partyline", "steady", 2, 700, late)
    assert found.void
    assert "40.0 ms late" in found.void_because[0]


def test_percentiles_are_of_what_was_seen() -> None:
    assert spread([]) == Spread()
    assert spread(range(1, 101)) == Spread(n=100, p50=51, p95=96, p99=100, max=100)


def test_what_processes_of_callers_saw_is_added_up() -> None:
    parts = [Heard(turns=2, waits=[Timed(1.0, 7.0)]), Heard(turns=3), Heard(turns=1)]
    parts[0].fault("OSError")
    parts[2].fault("OSError")
    whole = together(parts)
    assert (whole.turns, len(whole.waits), whole.faults, whole.failed) == (6, 1, {"OSError": 2}, 2)


def test_what_a_scenario_demands_is_held_against_the_figures() -> None:
    found = made(lost=1, late_pct=0.2, wait_ms=Spread(n=9, p99=80.0), strangers={"closed": 999})
    assert judged(found, Must(lost=0, late_pct=1.0, wait_p99_ms=50, strangers_closed=1000)) == (
        "wait added p99, ms: 80, at most 50",
        "turns lost: 1, at most 0",
        "strangers' sockets closed: 999, at least 1000",
    )
    assert judged(found, Must()) == ()


def test_what_must_at_least_come_of_a_scenario_is_held_against_the_figures() -> None:
    found = made(refused=2, parked=1, tables_behind_s=11.0)
    assert judged(found, Must(refused_least=3, parked=0, tables_behind_s=10, slow_consumers=1)) == (
        "tables behind after the stall, s: 11, at most 10",
        "calls parked: 1, at most 0",
        "slow consumers cut off: 0, at least 1",
        "calls refused: 2, at least 3",
    )


def test_a_log_that_does_not_add_up_is_never_as_it_must_be() -> None:
    found = made(log_calls=2, log_wrong=("missing at 7: ...",))
    assert judged(found, Must()) == ("faults in the log and the tables: 1, at most 0",)


def test_a_fifth_more_cpu_for_each_call_is_worse_and_a_tenth_is_noise() -> None:
    before = alone(cpu_s_per_call_min=1.0, caller_cpu_s_per_call_min=0.1)
    after = alone(cpu_s_per_call_min=1.3, caller_cpu_s_per_call_min=0.1)
    assert bench.verdict(before, after) == 1
    slightly = alone(cpu_s_per_call_min=1.1, caller_cpu_s_per_call_min=0.1)
    assert bench.verdict(before, slightly) == 0


def test_a_slower_machine_is_no_regression() -> None:
    before = alone(cpu_s_per_call_min=1.0, caller_cpu_s_per_call_min=0.1)
    after = alone(cpu_s_per_call_min=1.4, caller_cpu_s_per_call_min=0.14)
    assert bench.verdict(before, after) == 0


def test_seconds_alone_are_shown_and_not_judged() -> None:
    before, after = alone(cpu_s_per_call_min=1.0), alone(cpu_s_per_call_min=2.0)
    (seconds,) = changes(before, after)
    assert (seconds.pct, seconds.worse) == (100.0, False)


def test_a_void_run_proves_nothing() -> None:
    before = alone(cpu_s_per_call_min=1.0, caller_cpu_s_per_call_min=0.1)
    after = alone(cpu_s_per_call_min=9.0, void=True, void_because=("the callers were late",))
    assert bench.verdict(before, after) == 3
    assert void_runs(after) == ["partyline, steady, 10 calls: the callers were late"]


def test_only_runs_of_the_same_size_and_system_are_compared() -> None:
    before = report([made(calls=10, lost=1), made(calls=50, lost=1)], how="")
    after = report([made(calls=50, lost=2), made(calls=50, lost=3, system="pipecat")], how="")
    assert [(c.run, c.before, c.after) for c in changes(before, after)] == [
        ("partyline, steady, 50 calls", 1, 2)
    ]


def test_a_few_milliseconds_more_are_not_worse_whatever_that_is_in_per_cent() -> None:
    (p50,) = changes(alone(wait_ms=Spread(n=9, p50=4.0)), alone(wait_ms=Spread(n=9, p50=5.5)))
    assert p50.pct == pytest.approx(37.5)
    assert not p50.worse


def test_a_report_holds_our_largest_run_at_its_top_and_the_others_beside_it(tmp_path: Path) -> None:
    runs = [made(calls=10), made(calls=50, lost=4), made(calls=50, system="pipecat")]
    write(report(runs, how="just load steady"), tmp_path / "r.json")
    again = read(tmp_path / "r.json")
    assert (again.system, again.calls, again.lost) == ("partyline", 50, 4)
    assert [(run.system, run.calls) for run in again.runs] == [
        ("partyline", 10),
        ("partyline", 50),
        ("pipecat", 50),
    ]


def test_the_page_and_the_table_show_every_run(tmp_path: Path) -> None:
    waits = [Timed(101.0, 705.0), Timed(130.0, 710.0)]
    runs = [
        figures("partyline", "steady", 2, 700, ran(waits=waits)),
        replace(figures("pipecat", "steady", 2, 700, ran(waits=waits)), void=True),
    ]
    drawn = page(report(runs, how="just load <steady>"))
    plots = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", drawn, re.S)]
    assert len(plots) == 7  # waits, and CPU, memory and descriptors of each
    dots = plots[0].findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 2 * len(waits)
    assert "just load &lt;steady&gt;" in drawn
    assert 'class="void"' in drawn
    assert [len(column._cells) for column in table(report(runs, how="")).columns][1:]


def test_every_scenario_can_be_read_and_there_are_those_that_are_asked_for() -> None:
    asked = {"steady", "ramp", "burst", "long", "barge-in-storm", "reconnect-storm"}
    assert asked <= set(names())
    assert all(read_scenario(name).about for name in names())


def test_what_the_endless_agent_says_is_more_than_a_gateway_keeps_for_who_does_not_read() -> None:
    answer_bytes = reply_ms(sentences(endless(read_agent(AGENT)))) * 8
    on_the_wire_bytes = answer_bytes * 4 / 3  # base64
    assert on_the_wire_bytes > UNSENT_LIMIT_BYTES + 4 * 2**20  # what kernels hold of it


def test_an_unknown_scenario_says_which_there_are() -> None:
    with pytest.raises(NoScenario, match=r"there are .*steady"):
        read_scenario("stedy")


def test_comparing_reports_without_a_common_run_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(alone(calls=1), tmp_path / "a.json")
    write(alone(calls=2), tmp_path / "b.json")
    told = ["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    monkeypatch.setattr("sys.argv", told)
    with pytest.raises(SystemExit) as ended:
        compare.main()
    assert ended.value.code == 2
