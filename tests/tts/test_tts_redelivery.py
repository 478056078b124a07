"""Workers that are killed, paused or told to stop: each sentence is heard once, recorded once."""

import signal

import pytest
from connection import Cuttable, restarted_after_kill
from exchange import HOST, TENANT, Exchange, sentence
from voices import Held, Reciting, recited

from contracts.dialog import SentenceWritten
from contracts.ids import new_call_id
from contracts.recorded import Message, SynthesisEvent
from contracts.synthesis import SentenceSynthesized
from services.tts.app import Settings, serve
from services.tts.providers.tone import Tone

pytestmark = pytest.mark.stack
TEXTS = ("Good morning.", "We open at nine.", "Come in then.")
HELLO = TEXTS[0]
# Nobody is given what is only left to itself within a test.
NEVER_S = 600.0


def written(*texts: str) -> list[SentenceWritten]:
    return [sentence(text, number=at, provider="reciting") for at, text in enumerate(texts, 1)]


def places(outcomes: list[SynthesisEvent]) -> list[tuple[int, int]]:
    return sorted((outcome.reply, outcome.sentence) for outcome in outcomes)


async def test_a_sentence_whose_worker_is_killed_in_its_middle_is_heard_whole_and_once(
    exchange: Exchange,
) -> None:
    async with exchange.worker_process(
        piece_bytes=480, falls_silent_after_bytes=4000, redeliver_s=0.5
    ) as worker:
        for each in written(*TEXTS):
            await exchange.write(each)
        await exchange.heard(5)
        worker.kill()
        await worker.wait()
    assert 0 < len(exchange.played()) < len(recited(HELLO))
    async with exchange.worker({"reciting": Reciting(1000)}, Settings(redeliver_s=0.5)):
        outcomes = await exchange.outcomes(3)
        await exchange.settled()
    assert exchange.played() == b"".join(map(recited, TEXTS))
    assert places(await exchange.outcomes(3)) == [(1, 1), (1, 2), (1, 3)]
    assert all(isinstance(outcome, SentenceSynthesized) for outcome in outcomes)


async def test_a_worker_that_is_paused_and_comes_back_says_nothing_twice(
    exchange: Exchange,
) -> None:
    async with exchange.worker_process(pause_s=0.02, redeliver_s=0.3) as worker:
        await exchange.write(*written(HELLO))
        await exchange.heard(3)
        worker.send_signal(signal.SIGSTOP)
        async with exchange.worker({"reciting": Reciting(1000)}, Settings(redeliver_s=0.3)):
            await exchange.outcomes(1)
            heard = exchange.played()
            worker.send_signal(signal.SIGCONT)
            await exchange.ends(2)
            await exchange.settled()
    assert heard == exchange.played() == recited(HELLO)
    assert len(await exchange.outcomes(1)) == 1


async def test_two_workers_that_speak_one_sentence_at_once_are_heard_as_one(
    exchange: Exchange,
) -> None:
    async with exchange.worker_process(pause_s=0.02, redeliver_s=0.3) as worker:
        await exchange.write(*written(HELLO))
        await exchange.heard(3)
        worker.send_signal(signal.SIGSTOP)
        slow = Reciting(1000, pause_s=0.02)
        async with exchange.worker({"reciting": slow}, Settings(redeliver_s=0.3)):
            before = len(exchange.chunks)
            await exchange.heard(before + 3)
            worker.send_signal(signal.SIGCONT)
            await exchange.ends(2)
            await exchange.settled()
    assert exchange.played() == recited(HELLO)
    assert len(await exchange.outcomes(1)) == 1


async def test_a_sentence_whose_outcome_is_known_is_not_spoken_again(exchange: Exchange) -> None:
    """Its worker died between storing that and acknowledging the delivery."""
    async with exchange.worker_process(acknowledges=False, redeliver_s=0.5) as worker:
        await exchange.write(*written(HELLO))
        await exchange.outcomes(1)
        worker.kill()
        await worker.wait()
    next_one = Reciting(1000)
    async with exchange.worker({"reciting": next_one}, Settings(redeliver_s=0.5)):
        await exchange.settled()
    assert next_one.asked == []
    assert exchange.played() == recited(HELLO)
    assert len(await exchange.outcomes(1)) == 1


async def test_a_sentence_delivered_twice_has_one_outcome(exchange: Exchange) -> None:
    async with exchange.worker({"tone": Tone()}):
        twice = sentence()
        await exchange.write(twice)
        await exchange.outcomes(1)
        await exchange.write(twice)  # the same sentence once more
        await exchange.settled()
        outcomes = await exchange.outcomes(1)
    assert len(outcomes) == 1
    assert sum(c.last for c in exchange.chunks) == 2


async def test_a_worker_told_to_stop_finishes_its_sentence(exchange: Exchange) -> None:
    async with exchange.worker_process(pause_s=0.02, redeliver_s=NEVER_S) as worker:
        await exchange.write(*written(HELLO))
        await exchange.heard(3)
        next_one = Reciting(1000)
        async with exchange.worker({"reciting": next_one}, Settings(redeliver_s=NEVER_S)):
            worker.terminate()
            assert await worker.wait() == 0
            await exchange.settled()
    assert next_one.asked == []
    assert exchange.played() == recited(HELLO)


async def test_a_worker_told_to_stop_hands_over_at_once_what_it_cannot_finish(
    exchange: Exchange,
) -> None:
    async with exchange.worker_process(
        falls_silent_after_bytes=4000, redeliver_s=NEVER_S, grace_s=0.1
    ) as worker:
        await exchange.write(*written(HELLO))
        await exchange.heard(2)
        settings = Settings(redeliver_s=NEVER_S)
        async with exchange.worker({"reciting": Reciting(1000)}, settings):
            worker.terminate()
            assert await worker.wait() == 0
            await exchange.outcomes(1)
            await exchange.settled()
    assert exchange.played() == recited(HELLO)


async def test_a_worker_told_to_stop_while_the_server_is_away_stops(exchange: Exchange) -> None:
    async with exchange.worker_process(
        falls_silent_after_bytes=4000, redeliver_s=0.5, grace_s=0.1
    ) as worker:
        await exchange.write(*written(HELLO))
        await exchange.heard(2)
        await exchange.server.stop()
        worker.terminate()
        assert await worker.wait() == 0
    await exchange.server.start()
    async with exchange.worker({"reciting": Reciting(1000)}, Settings(redeliver_s=0.5)):
        await exchange.outcomes(1)
    assert exchange.played() == recited(HELLO)


async def test_what_is_delivered_to_a_worker_told_to_stop_is_left_to_nobody(
    exchange: Exchange,
) -> None:
    """All that had left the server for it is dealt with by it or by the other one."""
    calls = [new_call_id() for _ in range(150)]
    long = "d" * 4000  # so that no single read brings them all
    message = Message(by=long, events=tuple(written(HELLO)), epoch=1)
    settings = Settings(redeliver_s=NEVER_S)
    async with (
        exchange.worker_process(redeliver_s=NEVER_S) as worker,
        exchange.worker({"reciting": Reciting(4000)}, settings),
    ):
        worker.send_signal(signal.SIGSTOP)  # about half of them wait for it
        for call in calls:
            await exchange.journal.append(TENANT, call, "dialog", message, id=call)
        worker.terminate()
        worker.send_signal(signal.SIGCONT)
        assert await worker.wait() == 0
        settled = await exchange.settled_calls(len(calls))
        await exchange.settled()
    assert settled == set(calls)


async def test_a_sentence_is_heard_whole_over_the_death_of_the_server(exchange: Exchange) -> None:
    async with exchange.worker({"reciting": Reciting(480, pause_s=0.05)}):
        await exchange.write(*written(HELLO))
        await exchange.heard(5)
        await restarted_after_kill(exchange.server)
        await exchange.outcomes(1)
        await exchange.ends(1)
        await exchange.settled()
        assert exchange.played() == recited(HELLO)
        await exchange.write(sentence(reply=2, provider="reciting"))
        await exchange.outcomes(2)


async def test_deliveries_go_on_after_the_connection_is_cut(exchange: Exchange) -> None:
    held = Held()
    async with Cuttable(exchange.url) as line:
        settings = Settings(redeliver_s=NEVER_S)
        async with serve(
            *(exchange.bus, line.url, {"held": held}, exchange.journal),
            host=HOST,
            settings=settings,
        ):
            await exchange.write(sentence(provider="held"))
            await exchange.heard(1)
            await line.cut()
            held.let_go.set()
            await exchange.write(sentence(reply=2, provider="held"))
            await exchange.outcomes(2)
            await exchange.settled()  # the first one, too, though it came by another connection
    assert held.asked == ["Good morning."] * 2


async def test_deliveries_go_on_by_another_server_of_the_list(exchange: Exchange) -> None:
    async with Cuttable(exchange.url) as one, Cuttable(exchange.url) as other:
        urls = f"{one.url},{other.url}"
        voices = {"tone": Tone()}
        async with serve(exchange.bus, urls, voices, exchange.journal, host=HOST):
            await exchange.write(sentence())
            await exchange.outcomes(1)
            await (one if one.used else other).close()
            await exchange.write(sentence(reply=2))
            await exchange.outcomes(2)
            assert one.used or other.used
            await exchange.settled()


async def test_an_older_durable_consumer_takes_on_the_time_to_redelivery(
    exchange: Exchange,
) -> None:
    async with exchange.worker({"tone": Tone()}, Settings(redeliver_s=30)):
        pass
    async with exchange.worker({"tone": Tone()}):
        info = await exchange.bus.js.consumer_info("CALLS", "tts")
    assert info.config.ack_wait == Settings().redeliver_s
