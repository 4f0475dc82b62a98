"""Cases are worked on by one claimer at a time; a request id belongs to one request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from cicatrix.core.cases import Case, CaseState
from cicatrix.ledger import Ledger, LedgerError, StaleEpoch
from cicatrix.ledger.rows import case_values
from cicatrix.ledger.tables import cases
from tests.ledger.helpers import HOST, LONG, MAIN, SHA, START, Clock, case, open_ledger, red_case

S = CaseState


def test_a_case_is_unique_by_its_run(ledger: Ledger) -> None:
    with ledger.write("cases") as tx:
        first = tx.open_case(case())
        assert tx.open_case(case("case2", note="again")) == first == case()
        assert tx.open_case(case("case3", run_id="6000")).id == "case3"
    with ledger.read() as view:
        assert view.case("case1") == first
        assert view.case("case2") is None
        assert view.case_of_run(HOST, "100", "5000") == first
        assert view.case_of_run("ghes.example", "100", "5000") is None


@pytest.mark.shows("F34")
def test_a_claimed_case_is_nobody_elses_until_its_lease_ends(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("claim") as tx:
        tx.open_case(case())
        mine = tx.claim_case("case1", clock.now, LONG)
        assert tx.claim_case("case1", clock.now, LONG) is None
        assert tx.claim_case("nothing", clock.now, LONG) is None
        assert tx.due_cases(clock.now) == ()
    assert mine is not None
    assert (mine.epoch, mine.lease_until) == (1, START + LONG)
    clock.move(minutes=5)
    with ledger.write("take over") as tx:
        assert [found.id for found in tx.due_cases(clock.now)] == ["case1"]
        theirs = tx.claim_case("case1", clock.now, LONG)
        assert theirs is not None
        assert theirs.epoch == 2
    with pytest.raises(StaleEpoch, match="holds epoch 1, the row 2"), ledger.write("late") as tx:
        tx.save_case(replace(mine, state=S.ACTING))
    with ledger.write("save") as tx:
        tx.save_case(replace(theirs, state=S.ACTING, note="sent", data={"queued": ["lint"]}))
        stored = tx.case("case1")
    assert stored == replace(theirs, state=S.ACTING, note="sent", data={"queued": ["lint"]}, lease_until=None)


def test_saving_a_case_that_is_gone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StaleEpoch, match="is gone"), ledger.write("save") as tx:
        tx.save_case(case())


def test_a_step_that_the_table_does_not_allow_is_refused(ledger: Ledger) -> None:
    with ledger.write("open") as tx:
        tx.open_case(case())
    with pytest.raises(LedgerError, match="`judging` does not follow `deciding`"), ledger.write("save") as tx:
        tx.save_case(case(state=S.JUDGING))
    with ledger.write("save") as tx:
        tx.save_case(case(state=S.CLOSED))
        tx.save_case(case(state=S.CLOSED, note="still closed"))
    with pytest.raises(LedgerError, match="`acting` does not follow `closed`"), ledger.write("save") as tx:
        tx.save_case(case(state=S.ACTING))
    with ledger.write("a person asks again") as tx:
        tx.save_case(case(state=S.DECIDING))


def test_due_cases_come_longest_due_first_and_never_ended_or_sleeping(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("open") as tx:
        tx.open_case(case("later", run_id="1", wake_at=START + timedelta(seconds=1)))
        tx.open_case(case("second", run_id="2", wake_at=START))
        tx.open_case(case("first", run_id="3", wake_at=START - timedelta(hours=1)))
        tx.open_case(case("for a person", run_id="4", wake_at=None))
        tx.open_case(case("ended", run_id="5", state=S.CLOSED))
    with ledger.read() as view:
        assert [found.id for found in view.due_cases(clock.now)] == ["first", "second"]
        assert [found.id for found in view.due_cases(clock.now, 1)] == ["first"]


@pytest.mark.shows("RR-13", "A10")
def test_the_same_request_id_gives_the_stored_answer(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("request") as tx:
        assert tx.request("r1") is None
        begun = tx.begin_request("r1", "hash", clock.now, LONG)
        assert (begun.state, begun.resumed) == ("new", False)
        assert tx.begin_request("r1", "hash", clock.now, LONG).state == "in_progress"
        assert tx.begin_request("r1", "another hash", clock.now, LONG).state == "conflict"
        tx.finish_request("r1", '{"decision":"NOOP"}')
        tx.finish_request("r1", '{"decision":"BLOCKED"}')
    clock.move(days=1)
    with ledger.write("request") as tx:
        again = tx.begin_request("r1", "hash", clock.now, LONG)
        assert (again.state, again.response) == ("finished", '{"decision":"NOOP"}')
        conflict = tx.begin_request("r1", "another hash", clock.now, LONG)
        assert (conflict.state, conflict.response) == ("conflict", None)
        assert tx.request("r1") == again


@pytest.mark.shows("RR-13")
def test_a_request_whose_worker_died_may_be_taken_up_again(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("request") as tx:
        tx.begin_request("r1", "hash", clock.now, LONG)
    clock.move(minutes=5)
    with ledger.write("request") as tx:
        taken = tx.begin_request("r1", "hash", clock.now, LONG)
        assert (taken.state, taken.resumed, taken.created_at) == ("new", True, START)
        assert tx.begin_request("r1", "hash", clock.now, LONG).state == "in_progress"


def test_finishing_a_request_that_was_never_begun_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="never begun"), ledger.write("request") as tx:
        tx.finish_request("r1", "{}")


def test_a_forced_claim_takes_the_case_from_its_holder(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("claim") as tx:
        tx.open_case(case())
        mine = tx.claim_case("case1", clock.now, LONG)
        theirs = tx.claim_case("case1", clock.now, LONG, force=True)
        assert mine
        assert theirs
        assert (mine.epoch, theirs.epoch) == (1, 2)
    with pytest.raises(StaleEpoch), ledger.write("late") as tx:
        tx.save_case(mine)


@pytest.mark.shows("RR-13")
def test_a_released_request_begins_again_at_once_as_resumed(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("request") as tx:
        tx.begin_request("r1", "hash", clock.now, LONG)
        tx.release_request("r1")
        again = tx.begin_request("r1", "hash", clock.now, LONG)
        assert (again.state, again.resumed) == ("new", True)
        tx.finish_request("r1", "{}")
        tx.release_request("r1")
        assert tx.begin_request("r1", "hash", clock.now, LONG).state == "finished"


def test_a_case_without_a_run_is_unique_by_the_commit_of_its_ref(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("cases") as tx:
        first = tx.open_case(red_case())
        assert tx.open_case(red_case("case2", note="again")) == first == red_case()
        assert tx.open_case(red_case("case3", ref="refs/heads/next")).id == "case3"
        assert tx.open_case(red_case("case4", head_sha="b" * 40, opened_at=clock.move(minutes=1))).id == "case4"
        assert tx.open_case(red_case("case5", repository_id="200")).id == "case5"
        assert tx.open_case(case("of a run")).id == "of a run"
    with ledger.read() as view:
        assert view.case("case1") == first
        assert view.case_of_ref(HOST, "100", MAIN, SHA) == first
        assert view.case_of_ref(HOST, "100", MAIN, "c" * 40) is None
        assert view.case_of_run(HOST, "100", "") is None
        assert [found.id for found in view.cases_of_ref(HOST, "100", MAIN)] == ["case4", "case1"]
        assert [found.id for found in view.cases_of_ref(HOST, "100", MAIN, 1)] == ["case4"]
        assert view.cases_of_ref("ghes.example", "100", MAIN) == ()


def test_a_case_needs_a_run_or_a_ref(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="neither a run nor a ref"), ledger.write("case") as tx:
        tx.open_case(red_case(ref=""))


@pytest.mark.parametrize("make", [case, red_case])
def test_threads_that_open_the_same_case_at_once_get_one(path: Path, clock: Clock, make: Callable[[str], Case]) -> None:
    ledgers = [open_ledger(path, clock) for _ in range(2)]
    got: list[str] = []
    ready = threading.Barrier(6)

    def work(me: int) -> None:
        ready.wait()
        with ledgers[me % 2].write("open") as tx:
            got.append(tx.open_case(make(f"case{me}")).id)

    workers = [threading.Thread(target=work, args=(me,)) for me in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(got) == 6
    assert len(set(got)) == 1
    for ledger in ledgers:
        ledger.close()


@pytest.mark.parametrize("make", [case, red_case])
def test_the_table_itself_refuses_a_second_case(ledger: Ledger, make: Callable[[str], Case]) -> None:
    with ledger.write("case") as tx:
        tx.open_case(make("case1"))
        with pytest.raises(IntegrityError, match="UNIQUE"), tx._connection.begin_nested():
            tx._connection.execute(insert(cases), case_values(make("case2")))


def test_a_case_without_a_run_is_claimed_and_saved_as_any_other(ledger: Ledger, clock: Clock) -> None:
    with ledger.write("case") as tx:
        tx.open_case(red_case())
        mine = tx.claim_case("case1", clock.now, timedelta(hours=2))
        assert mine
        tx.save_case(replace(mine, state=S.ROLLING_BACK))
    with ledger.read() as view:
        stored = view.case_of_ref(HOST, "100", MAIN, SHA)
        assert stored == replace(mine, state=S.ROLLING_BACK, lease_until=None)
        assert [found.id for found in view.due_cases(clock.now)] == ["case1"]
