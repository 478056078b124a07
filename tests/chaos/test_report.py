"""What a run writes, and which fault a takeover is laid to."""

from msgspec.structs import replace

from contracts.dialog import CallEnded
from contracts.event import OwnerClaimed
from contracts.ids import CallId, TenantId
from contracts.recorded import Message, Recorded
from loadtest.chaos.account import Account, Fault
from loadtest.chaos.inflicting import Done
from loadtest.chaos.log import Verdict, takeovers
from loadtest.chaos.person import Silence
from loadtest.chaos.report import FAILING, Result, at

KILL = Done(kind="kill", target="dialog-1", pid=10, at_s=100.0, healed_s=104.0)
NATS = Done(kind="nats", target="nats", pid=0, at_s=101.0, healed_s=101.0)


def claim(epoch: int, host: str, stored_s: float) -> Recorded:
    claimed = OwnerClaimed(at_ms=0, role="dialog", host=host, epoch=epoch)
    return Recorded(
        tenant=TenantId("main"),
        call=CallId("c"),
        family="dialog",
        sequence=epoch,
        stored_ms=stored_s * 1000,
        message=Message(by=host, events=(claimed,), epoch=epoch),
    )


def result(**changes: object) -> Result:
    made = Result(
        seed=7,
        minutes=2,
        calls_at_a_time=10,
        nats_nodes=1,
        account=Account(),
        verdict=Verdict(),
        done=[KILL, NATS],
        left_out=0,
        silences=[],
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_takeover_is_counted_from_the_death_of_the_owner_before() -> None:
    claims = [claim(1, "dialog-10-aa", 90.0), claim(2, "dialog-11-bb", 101.7)]
    (taken,) = takeovers(claims, [KILL, NATS])
    assert (taken.role, taken.kind, taken.gap_ms) == ("dialog", "kill", 1700.0)


def test_a_takeover_from_one_that_lived_is_laid_to_the_servers_death() -> None:
    claims = [claim(1, "dialog-99-aa", 90.0), claim(2, "dialog-11-bb", 103.0)]
    (taken,) = takeovers(claims, [KILL, NATS])
    assert (taken.kind, taken.gap_ms) == ("nats", 2000.0)


def test_a_takeover_without_a_fault_has_no_gap() -> None:
    claims = [claim(1, "dialog-99-aa", 50.0), claim(2, "dialog-11-bb", 60.0)]
    assert [taken.gap_ms for taken in takeovers(claims, [KILL, NATS])] == [None]


def test_who_claims_a_call_that_has_ended_keeps_nobody_waiting() -> None:
    ended = CallEnded(at_ms=0, reason="caller_hung_up", phase="discovery", turns=1)
    last = claim(2, "dialog-10-aa", 95.0)
    last = replace(last, message=replace(last.message, events=(ended,)))
    claims = [claim(1, "dialog-10-aa", 90.0), last, claim(3, "d-11-b", 103.0)]
    assert takeovers(claims, [KILL]) == []


def test_the_figures_have_what_others_read() -> None:
    taken = takeovers([claim(1, "d-10-a", 90.0), claim(2, "d-11-b", 101.5)], [KILL])
    figures = result(
        verdict=Verdict(takeovers=taken), silences=[Silence("c", 100.5, 102.0)]
    ).figures()
    assert figures["seed"] == 7
    assert figures["faults"] == {"kill": 1, "nats": 1}
    assert (figures["lost"], figures["doubled"], figures["verify_ok"]) == (0, 0, True)
    assert figures["takeover_ms"] == {"p50": 1500.0, "p99": 1500.0, "max": 1500.0}
    assert figures["dead_air_ms_max"] == 1500


def test_a_call_handed_over_in_order_has_no_gap() -> None:
    asked = Done(kind="restart", target="dialog-1", pid=10, at_s=100.0, healed_s=104.0)
    taken = takeovers([claim(1, "d-10-a", 90.0), claim(2, "d-11-b", 103.0)], [asked])
    assert result(verdict=Verdict(takeovers=taken)).figures()["takeover_ms"]["max"] == 0.0


def test_a_run_is_right_only_without_a_fault_a_finding_and_trouble() -> None:
    assert result().ok
    for what in FAILING:
        wrong = [Fault(what=what, call="c", code="0011", at_s=1.0)]
        assert not result(account=Account(wrong=wrong)).ok
    assert not result(verdict=Verdict(wrong=["rows"])).ok
    assert not result(trouble=["a process ended by itself"]).ok


def test_a_percentile_is_one_of_the_values() -> None:
    assert (at([], 0.5), at([3, 1, 2], 0.5), at([3, 1, 2], 1.0)) == (0.0, 2, 3)


def test_a_silence_is_laid_to_the_standstill_of_the_gateway_that_held_the_line() -> None:
    paused = Done(
        kind="pause", target="gateway-1", pid=9, at_s=98.0, healed_s=103.0, url="http://one"
    )
    own = Silence("c", 99.0, 103.5, "http://one")
    of_another = Silence("d", 99.0, 101.5, "http://two")
    figures = result(done=[paused, KILL], silences=[own, of_another]).figures()
    assert figures["dead_air_ms_max_by_fault"] == {"pause gateway": 4500, "kill dialog": 2500}
    assert [each["fault"] for each in figures["silences"]] == ["pause gateway", "kill dialog"]


def test_what_took_longer_than_promised_is_listed_with_all_that_was_done() -> None:
    taken = takeovers([claim(1, "d-10-a", 90.0), claim(2, "d-11-b", 103.5)], [KILL])
    figures = result(verdict=Verdict(takeovers=taken)).figures()
    assert [each["gap_ms"] for each in figures["late_takeovers"]] == [3500.0]
    assert [each["target"] for each in figures["faults_done"]] == ["dialog-1", "nats"]
