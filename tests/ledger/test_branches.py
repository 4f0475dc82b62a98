"""One case works on a ref at a time, and a branch that was rolled back stays blocked until a person releases it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cicatrix.core.records import BranchBlock, RefLease
from cicatrix.ledger import Ledger
from tests.ledger.helpers import HOST, LONG, MAIN, START, Clock, open_ledger


@pytest.mark.shows("RB-7")
def test_a_ref_is_worked_on_by_one_case_at_a_time(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("lease") as tx:
        assert tx.lease(HOST, "100", MAIN) is None
        assert tx.take_lease(HOST, "100", MAIN, "case1", START + LONG)
        assert not tx.take_lease(HOST, "100", MAIN, "case2", START + 9 * LONG)
        assert tx.lease(HOST, "100", MAIN) == RefLease(case_id="case1", ref=MAIN, until=START + LONG)
        for other in ((HOST, "100", "refs/heads/next"), (HOST, "200", MAIN), ("ghes.example", "100", MAIN)):
            assert tx.take_lease(*other, "case2", START + LONG)
    clock.move(minutes=4)
    with ledger.write("renew") as tx:
        assert tx.take_lease(HOST, "100", MAIN, "case1", clock.now + LONG)
        assert not tx.take_lease(HOST, "100", MAIN, "case2", clock.now + LONG)
        assert tx.lease(HOST, "100", MAIN) == RefLease(case_id="case1", ref=MAIN, until=clock.now + LONG)


@pytest.mark.shows("RB-7")
def test_a_lease_that_ended_may_be_taken_and_not_before(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("lease") as tx:
        assert tx.take_lease(HOST, "100", MAIN, "case1", START + LONG)
    clock.now = START + LONG - timedelta(microseconds=1)
    with ledger.write("early") as tx:
        assert not tx.take_lease(HOST, "100", MAIN, "case2", START + 2 * LONG)
    clock.now = START + LONG
    with ledger.write("late") as tx:
        assert tx.lease(HOST, "100", MAIN) is None
        assert tx.take_lease(HOST, "100", MAIN, "case2", START + 2 * LONG)
        assert not tx.take_lease(HOST, "100", MAIN, "case1", START + 9 * LONG)


def test_a_lease_is_given_back_by_its_holder_alone(ledger: Ledger) -> None:
    with ledger.write("lease") as tx:
        assert tx.take_lease(HOST, "100", MAIN, "case1", START + LONG)
        tx.release_lease(HOST, "100", MAIN, "case2")
        tx.release_lease(HOST, "100", "refs/heads/next", "case1")
        assert not tx.take_lease(HOST, "100", MAIN, "case2", START + LONG)
        tx.release_lease(HOST, "100", MAIN, "case1")
        assert tx.take_lease(HOST, "100", MAIN, "case2", START + LONG)


@pytest.mark.shows("RB-7")
def test_threads_that_race_for_a_ref_share_it_out_to_one(path: Path, clock: Clock) -> None:
    ledgers = [open_ledger(path, clock) for _ in range(2)]
    won: list[tuple[int, int]] = []
    ready = threading.Barrier(8)

    def work(me: int) -> None:
        ready.wait()
        for n in range(8):
            with ledgers[me % 2].write("lease") as tx:
                if tx.take_lease(HOST, "100", f"refs/heads/{n}", f"case{me}", START + LONG):
                    won.append((n, me))

    workers = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(n for n, _ in won) == list(range(8))
    for ledger in ledgers:
        ledger.close()


@pytest.mark.shows("RB-0")
def test_a_blocked_branch_stays_blocked_until_its_case_is_released(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("block") as tx:
        assert tx.branch_block(HOST, "100", MAIN) is None
        assert tx.block_branch(HOST, "100", MAIN, "case1", "health 12 after the merge", "system") == 0
    block = BranchBlock(case_id="case1", ref=MAIN, why="health 12 after the merge", since=START, ledger_index=0)
    clock.move(days=400)
    with ledger.write("ask") as tx:
        assert tx.branch_block(HOST, "100", MAIN) == block
        for other in ((HOST, "100", "refs/heads/next"), (HOST, "200", MAIN), ("ghes.example", "100", MAIN)):
            assert tx.branch_block(*other) is None
        assert tx.release_branch("case2", "octavia", "a mistake") is None
        assert tx.branch_block(HOST, "100", MAIN) == block
        assert tx.release_branch("case1", "octavia", "the revert is merged") == 1
        assert tx.branch_block(HOST, "100", MAIN) is None
        assert tx.release_branch("case1", "octavia", "again") is None
        assert tx.size() == 2


@pytest.mark.shows("RB-0")
def test_the_oldest_block_that_stands_is_told(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("block") as tx:
        for n in (1, 2, 3):
            tx.block_branch(HOST, "100", MAIN, f"case{n}", f"why {n}", "system")
            clock.move(minutes=1)
        assert tx.release_branch("case2", "octavia", "") == 3

        def told() -> str | None:
            block = tx.branch_block(HOST, "100", MAIN)
            return block.case_id if block else None

        assert told() == "case1"
        tx.release_branch("case1", "octavia", "")
        assert told() == "case3"
        tx.release_branch("case3", "octavia", "")
        assert told() is None
        assert tx.block_branch(HOST, "100", MAIN, "case1", "red again", "system") == 6
        assert told() == "case1"


def test_a_case_blocks_a_ref_once_and_may_block_several(ledger: Ledger) -> None:
    with ledger.write("block") as tx:
        assert tx.block_branch(HOST, "100", MAIN, "case1", "why", "system") == 0
        assert tx.block_branch(HOST, "100", MAIN, "case1", "why", "system") == 0
        assert tx.block_branch(HOST, "100", "refs/heads/next", "case1", "why", "system") == 1
        assert tx.block_branch(HOST, "200", MAIN, "case1", "why", "system") == 2
        assert tx.size() == 3
        assert tx.release_branch("case1", "octavia", "all of it") == 5
        assert tx.branch_block(HOST, "100", MAIN) is tx.branch_block(HOST, "200", MAIN) is None


@pytest.mark.shows("LG-8", "RB-0")
def test_blocks_and_releases_are_entries_without_names(ledger: Ledger) -> None:
    with ledger.write("block") as tx:
        tx.block_branch(HOST, "100", "refs/heads/octavias-idea", "case1", "broken by octavia", "octavia")
        tx.release_branch("case1", "octavia", "octavia looked")
        entries = tx.entries_of_case("case1")
        told = [tx.resolved(entry.data) for entry in entries]
    assert [(entry.kind, entry.data["repositoryId"]) for entry in entries] == [
        ("branch.blocked", "100"),
        ("branch.released", "100"),
    ]
    assert "octavia" not in "".join(entry.body for entry in entries)
    assert [(data["ref"], data["reason"], data["principal"]) for data in told] == [
        ("refs/heads/octavias-idea", "broken by octavia", "octavia"),
        ("refs/heads/octavias-idea", "octavia looked", "octavia"),
    ]


def test_what_a_block_tells_is_redacted(ledger: Ledger) -> None:
    secret = "ghp_" + "A1b2" * 9
    with ledger.write("block") as tx:
        tx.block_branch(HOST, "100", MAIN, "case1", f"push said {secret}", "system")
        block = tx.branch_block(HOST, "100", MAIN)
    assert block
    assert secret not in block.why


@pytest.mark.shows("RB-0", "LG-7")
def test_no_block_can_be_made_to_vanish(path: Path, ledger: Ledger) -> None:
    with ledger.write("block") as tx:
        tx.block_branch(HOST, "100", MAIN, "case1", "why", "system")
    with closing(sqlite3.connect(path)) as other:
        for statement in ("DELETE FROM branch_blocks", "UPDATE branch_blocks SET action = 'released'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(statement)
    with ledger.read() as view:
        assert view.branch_block(HOST, "100", MAIN)
