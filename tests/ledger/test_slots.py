"""Slots hold the bound: against a model, under release, and when a job changes its name or key."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cicatrix.core.operations import JobRef, Operation
from cicatrix.ledger import Ledger, Tx
from tests.ledger.helpers import SHA, intend, job, limits, open_ledger, operation, query

NAMES = ("unit", "lint", "gate")
KEYS = ("k1", "k2")


def taken(tx: Tx, wanted: Operation, run: int, sha: int) -> bool:
    return tx.take_slots(wanted, limits=limits(wanted, run, sha))


@pytest.mark.shows("RR-4", "RR-8", "A1")
def test_a_job_has_as_many_slots_in_a_run_as_the_limit_says(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        assert taken(tx, operation("op1"), 2, 5)
        assert taken(tx, operation("op2"), 2, 5)
        assert not taken(tx, operation("op3"), 2, 5)
        assert [(slot.scope, slot.n) for slot in tx.all_slots()] == [
            ("run_job", 1), ("run_job", 2), ("sha_job", 1), ("sha_job", 2),
        ]  # fmt: skip


@pytest.mark.shows("RR-8", "D1", "A5")
def test_another_run_of_the_same_commit_is_no_fresh_budget(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        assert taken(tx, operation("op1", run_id="1"), 2, 2)
        assert taken(tx, operation("op2", run_id="2"), 2, 2)
        assert not taken(tx, operation("op3", run_id="3"), 2, 2)
        assert taken(tx, operation("op4", run_id="4", head_sha="b" * 40), 2, 2)


@pytest.mark.shows("RR-4")
def test_the_smallest_free_number_is_taken_after_a_release(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        for n in (1, 2, 3):
            assert taken(tx, operation(f"op{n}"), 3, 5)
        assert tx.free_slots("op1") == 2
        assert tx.free_slots("op1") == 0
        assert taken(tx, operation("op4"), 3, 5)
        assert not taken(tx, operation("op5"), 3, 5)
        assert {slot.n for slot in tx.slots_of("op4")} == {1}


def test_all_or_nothing(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        assert taken(tx, operation("op1", named=(job("unit"),)), 1, 5)
        both = operation("op2", named=(job("lint"),), dependants=(job("unit"),))
        assert not taken(tx, both, 1, 5)
        assert tx.slots_of("op2") == ()
        assert tx.take_slots(both, limits={"lint": (1, 5), "unit": (2, 5)})
        assert len(tx.slots_of("op2")) == 4


def test_a_dependant_is_charged_each_time(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        assert taken(tx, operation("op1", named=(job("a"),), dependants=(job("gate"),)), 2, 2)
        assert taken(tx, operation("op2", named=(job("b"),), dependants=(job("gate"),)), 2, 2)
        assert not taken(tx, operation("op3", named=(job("c"),), dependants=(job("gate"),)), 2, 2)


def test_two_jobs_of_one_name_take_a_slot_each(ledger: Ledger) -> None:
    twins = (job("unit", "k1"), job("unit", "k2"))
    with ledger.write("take") as tx:
        assert not taken(tx, operation("op1", named=twins), 1, 5)
        assert taken(tx, operation("op1", named=twins), 2, 5)


def test_a_head_sha_slot_counts_for_a_job_equal_in_name_or_key(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        assert taken(tx, operation("op1", run_id="1", named=(job("unit", "k1"),)), 5, 2)
        assert taken(tx, operation("op2", run_id="2", named=(job("other", "k2"),)), 5, 2)
        renamed, moved = job("unit", "k2"), job("other", "k1")
        assert not taken(tx, operation("op3", run_id="3", named=(renamed,)), 5, 2)
        assert not taken(tx, operation("op3", run_id="3", named=(moved,)), 5, 2)
        assert taken(tx, operation("op3", run_id="3", named=(renamed,)), 5, 3)
        uses = tx.usage(query(), tx.now).sha_job
        assert [(use.name, use.key, use.n) for use in uses] == [
            ("unit", "k1", 1),
            ("other", "k2", 1),
            ("unit", "k2", 2),
        ]


@pytest.mark.shows("RR-4")
def test_five_is_the_most_whatever_the_limits_say(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        got = [taken(tx, operation(f"op{n}"), 99, 99) for n in range(7)]
    assert got == [True] * 5 + [False] * 2


def test_hosts_and_repositories_do_not_share_slots(ledger: Ledger) -> None:
    with ledger.write("take") as tx:
        assert taken(tx, operation("op1"), 1, 1)
        assert taken(tx, operation("op2", host="ghes.example"), 1, 1)
        assert taken(tx, operation("op3", repository_id="200"), 1, 1)


def test_a_job_without_limits_is_an_error_and_takes_nothing(ledger: Ledger) -> None:
    with pytest.raises(KeyError), ledger.write("take") as tx:
        tx.take_slots(operation(named=(job("unit"), job("lint"))), limits={"unit": (2, 2)})
    assert intend(ledger, operation())


class Bound(RuleBasedStateMachine):
    """Operations take and release slots in any order; a plain list of what is held is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = open_ledger(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}?synchronous=off")
        self.held: dict[str, tuple[str, tuple[JobRef, ...]]] = {}
        self.count = 0

    @rule(
        run=st.sampled_from(["1", "2"]),
        jobs=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(KEYS)), min_size=1, max_size=3),
        run_limit=st.integers(1, 3),
        sha_limit=st.integers(1, 5),
    )
    def take(self, run: str, jobs: list[tuple[str, str]], run_limit: int, sha_limit: int) -> None:
        self.count += 1
        wanted = operation(f"op{self.count}", run_id=run, named=tuple(job(name, key) for name, key in jobs))
        fits = self.fits(wanted, run_limit, sha_limit)
        with self.ledger.write("take") as tx:
            assert taken(tx, wanted, run_limit, sha_limit) is fits
        if fits:
            self.held[wanted.id] = (run, wanted.named)

    @rule(pick=st.randoms(use_true_random=False))
    def release(self, pick: random.Random) -> None:
        if self.held:
            gone = pick.choice(sorted(self.held))
            with self.ledger.write("release") as tx:
                assert tx.free_slots(gone) == 2 * len(self.held.pop(gone)[1])

    def fits(self, wanted: Operation, run_limit: int, sha_limit: int) -> bool:
        in_run = [ref.name for run, refs in self.held.values() if run == wanted.run_id for ref in refs]
        on_sha = [(ref.name, ref.key) for _, refs in self.held.values() for ref in refs]
        for ref in wanted.named:
            used = sum(name == ref.name or key == ref.key for name, key in on_sha)
            if in_run.count(ref.name) >= run_limit or used >= sha_limit:
                return False
            in_run.append(ref.name)
            on_sha.append((ref.name, ref.key))
        return True

    @invariant()
    def the_table_holds_what_the_model_holds(self) -> None:
        with self.ledger.read() as view:
            stored = view.all_slots()
        assert len({(slot.scope, slot.key, slot.n) for slot in stored}) == len(stored)
        held = sorted((name, run, ref.name, ref.key) for name, (run, refs) in self.held.items() for ref in refs)
        for scope in ("run_job", "sha_job"):
            assert held == sorted(
                (slot.operation_id, slot.run_id, slot.job_name, slot.job_key)
                for slot in stored
                if slot.scope == scope and slot.head_sha == SHA
            )

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()


Bound.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestBound = pytest.mark.shows("RR-4", "F7")(Bound.TestCase)
