"""Four API processes, two hundred requests at once, two callers, one ledger: the bound of part 1 through the API."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from tests.bound.api_party import ApiParty, api_party, seen
from tests.bound.kit import scratch

REQUESTS = 200
DONE = "BLOCKED max_attempts_exceeded"
ROUNDS = 1


def ask_until_done(party: ApiParty, *, waves: int = 6) -> Counter[str]:
    """Waves of 200 until everybody is told that the bound is reached."""
    told: Counter[str] = Counter()
    for _ in range(waves):
        wave = Counter(seen(party.wave(REQUESTS)))
        told += wave
        if set(wave) == {DONE}:
            return told
    raise AssertionError(f"no end after {waves} waves: {told}")


@pytest.mark.shows("RR-4", "RR-8", "AP-1", "GE-3", "F6", "F7", "A1")
def test_the_bound_holds_through_four_api_processes_for_200_requests_and_two_callers() -> None:
    with scratch() as folder, api_party(folder) as party:
        party.register(2)
        total: Counter[str] = Counter()
        for _ in range(ROUNDS):
            party.red()
            total += ask_until_done(party)
            assert party.effects() == 2
        with party.ledger.read() as view:
            told = {row.row.initiated_by for row in view.audit(limit=100_000)}
    print(f"{party.asked} requests in {ROUNDS} rounds: {dict(total.most_common())}")
    assert total["RERUN infra_transient"] == 2 * ROUNDS
    assert not [line for line in total if line.startswith("5")], total
    assert told == {"key:aaaaaaaa", "key:bbbbbbbb"}


@pytest.mark.shows("RG-1", "RG-2", "RG-7", "RR-8")
def test_a_registry_edited_in_the_middle_counts_from_the_next_decision_on() -> None:
    with scratch() as folder, api_party(folder, threads=40) as party:
        party.register(1)
        party.red()
        first = Counter(seen(party.wave(40)))
        assert party.effects() == 1, first
        answer = party.ask(10_000).json()
        assert "registry maxRetries (registry.yml:" in answer["jobs"][0]["detail"], answer["jobs"][0]
        party.register(0)
        answer = party.ask(10_001).json()
        assert answer["jobs"][0]["reasonCode"] == "registry_denied"
        assert "registry allows 0" in answer["jobs"][0]["detail"]
        party.register(2)
        stop = threading.Event()

        def keep_asking() -> None:
            while not stop.is_set():
                party.wave(8)

        party.red()
        thread = threading.Thread(target=keep_asking)
        thread.start()
        party.register(0)  # while requests are in flight: whoever decides after this commit gets nothing more
        after = party.effects()
        in_flight = after
        stop.set()
        thread.join()
        in_flight = party.effects() - after
        assert in_flight <= 1  # one may have been intended before the edit and arrive after it
        more = Counter(seen(party.wave(40)))
        assert "RERUN infra_transient" not in more, more


@pytest.mark.shows("GE-5", "F31", "PL-8")
def test_the_kill_switch_of_the_database_stops_every_process_within_a_second_under_load() -> None:
    with scratch() as folder, api_party(folder, threads=60) as party:
        party.register(5)
        starts: list[float] = []
        party.world.on_exchange.append(
            lambda exchange: starts.append(time.monotonic()) if exchange.method == "POST" else None
        )
        stop = threading.Event()
        told: list[str] = []

        def load() -> None:
            while not stop.is_set():
                party.red()
                told.extend(seen(party.wave(30)))

        thread = threading.Thread(target=load)
        thread.start()
        deadline = time.monotonic() + 60
        while len(starts) < 3 and time.monotonic() < deadline:
            stop.wait(0.05)
        with party.ledger.write("switch") as tx:
            tx.set_kill_switch("deployment", "drill under load", "cli:operator@local")
        set_at = time.monotonic()
        stop.wait(4)
        stop.set()
        thread.join()
        late = [moment - set_at for moment in starts if moment > set_at + 1]
        print(f"{len(starts)} writes before the switch, {len(told)} answers, {len(late)} writes later than 1 s after")
        assert len(starts) >= 3
        assert not late
        last = party.wave(20)
        assert set(seen(last)) == {"BLOCKED kill_switch"}
        assert "drill under load" in last[0].json()["jobs"][0]["detail"]
