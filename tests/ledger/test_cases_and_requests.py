"""Cases are worked on by one claimer at a time; a request id belongs to one request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cicatrix.core.cases import CaseState
from cicatrix.ledger import Ledger, LedgerError, StaleEpoch
from tests.ledger.helpers import HOST, LONG, START, Clock, case

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
