"""Three long-lived processes, fifty callers at once, one SQLite file: never more than maxAttempts, and all of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from cicatrix.ledger import Ledger, export_lines
from tests import history
from tests.bound.kit import LOGIN, ids, scratch
from tests.bound.party import CALLERS, DONE, PROCESSES, Party, Round, party

ROUNDS = 100
SEED_ROUNDS = 5
MOST = 2
"""maxAttempts of every request."""


@pytest.mark.shows("RR-4", "IT-3", "A1", "D2", "F6", "F7", "C13")
def test_the_bound_holds_for_50_callers_in_3_processes_and_the_seeds_own_algorithm_breaks_it() -> None:
    """The seed's known limitation 4, "no concurrent reruns": "multiple simultaneous requests might create race
    conditions; database transactions mitigate". They do not in the seed, they do here.
    """
    with scratch() as folder, party(folder) as guests:
        ours = [guests.round("ours") for _ in range(ROUNDS)]
        guests.tick()
        calls = len(guests.world.history.calls)
        wrong = judged(guests)
        seeds = [guests.round("seed") for _ in range(SEED_ROUNDS)]
    told = Counter[str]()
    for each in ours:
        told.update(each.told)
    print(
        f"ours: {ROUNDS} rounds, {PROCESSES} processes, {CALLERS} callers, {told.total()} requests, "
        f"{calls} calls to GitHub, reruns a round {spread(ours)}, told {dict(told.most_common())}"
    )
    print(f"the seed's algorithm: {SEED_ROUNDS} rounds, reruns a round {spread(seeds)}")
    assert not [line for line in told if line.startswith("problem")], told
    assert [each.ran for each in ours] == [MOST] * ROUNDS
    assert [each.effects for each in ours] == [MOST] * ROUNDS
    assert told[DONE] == ROUNDS * CALLERS
    assert told["RERUN infra_transient"] <= ROUNDS * MOST
    assert not wrong, "\n".join(wrong[:20])
    assert max(each.ran for each in seeds) > MOST, "the harness does not race: the seed's algorithm kept the bound"


def judged(guests: Party) -> list[str]:
    """What the offline checker says to everything that happened so far."""
    ledger = Ledger.open(str(guests.ledger), now=guests.clock, new_id=ids("judge"), read_only=True)
    with ledger.read() as view:
        lines = list(export_lines(view.entries()))
    ledger.close()
    assert guests.clock() - guests.world.epoch > timedelta(days=ROUNDS)
    return history.check(guests.world.history.records, lines, ours={LOGIN}, finished=True)


def spread(rounds: list[Round]) -> str:
    counts = Counter(each.ran for each in rounds)
    return ", ".join(f"{ran}: {times} times" for ran, times in sorted(counts.items()))
