"""Operations: receipts, states, budgets, and their story in the entries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from cicatrix.core.facts import Receipt
from cicatrix.core.operations import OperationState
from cicatrix.ledger import Intent, Ledger, OpenOperation, Tx, rebuild
from tests.ledger.helpers import HOST, Clock, intend, job, limits, open_ledger, operation, outcome, query, settle

S = OperationState


@pytest.mark.shows("GE-5", "RR-5")
def test_a_receipt_comes_only_after_the_commit(path: Path, clock: Clock) -> None:
    events: list[str] = []
    ledger = open_ledger(path, clock, boundary=events.append)
    other = open_ledger(path, clock)

    def decide(tx: Tx) -> Intent:
        stored = tx.record_intent(operation())
        with other.read() as view:
            events.append(f"others see {len(view.open_operations())}")
        return Intent(operation_id=stored.id, ledger_index=stored.intended_index or 0)

    receipt = ledger.intend("rerun", decide)
    assert receipt == Receipt(operation_id="op1", ledger_index=0, send=1)
    with other.read() as view:
        events.append(f"others see {len(view.open_operations())}")
    assert events == [
        "others see 0",
        "ledger.commit.before:rerun",
        "ledger.commit.after:rerun",
        "others see 1",
    ]
    ledger.close()
    other.close()


@pytest.mark.shows("GE-5")
def test_no_receipt_without_commit(path: Path, clock: Clock) -> None:
    def crash(name: str) -> None:
        if name.startswith("ledger.commit.before"):
            raise KeyboardInterrupt(name)

    ledger = open_ledger(path, clock, boundary=crash)
    with pytest.raises(KeyboardInterrupt):
        intend(ledger, operation())
    with ledger.read() as view:
        assert (view.all_operations(), view.all_slots(), view.head().size) == ((), (), 0)
    ledger.close()


def test_any_other_decision_is_committed_and_returned(ledger: Ledger) -> None:
    assert ledger.intend("none", lambda tx: tx.append("rerun.decided", {})) == 0
    with ledger.read() as view:
        assert view.head().size == 1


def test_a_read_is_one_snapshot(ledger: Ledger) -> None:
    with ledger.read() as view:
        assert view.open_operations() == ()
        intend(ledger, operation())
        assert view.open_operations() == ()
    with ledger.read() as view:
        assert [o.id for o in view.open_operations()] == ["op1"]


def test_an_operation_reads_back_as_it_was_written(ledger: Ledger) -> None:
    wanted = operation(
        named=(job("unit", labels=("ubuntu-latest", "x64")), job("lint")),
        dependants=(job("gate", minutes=1),),
        target_job_id="77",
        not_before=operation().created_at + timedelta(minutes=3),
    )
    intend(ledger, wanted)
    with ledger.read() as view:
        stored = view.operation("op1")
        assert view.operation("op2") is None
        assert view.operations_of_request("request-1") == (stored,)
        assert view.operations_of_run(HOST, "100", "5000") == (stored,)
        assert view.operations_of_run("other.example", "100", "5000") == ()
    assert stored is not None
    assert stored.intended_index == 0
    assert stored.named == wanted.named
    assert stored.dependants == wanted.dependants
    assert stored.not_before == wanted.not_before


@pytest.mark.shows("RR-5", "F6")
def test_at_most_one_open_operation_of_a_run(ledger: Ledger) -> None:
    intend(ledger, operation())
    with pytest.raises(OpenOperation, match="open operation already"):
        intend(ledger, operation("op2"), run=5, sha=5)
    intend(ledger, operation("op3", run_id="6000", head_sha="b" * 40))
    settle(ledger, "op1", S.DEFERRED, not_before=operation().created_at)
    with pytest.raises(OpenOperation):
        intend(ledger, operation("op2"), run=5, sha=5)
    settle(ledger, "op1", S.CONFIRMED)
    assert intend(ledger, operation("op2"), run=5, sha=5)


@pytest.mark.shows("RR-5")
def test_a_state_is_compared_before_it_is_set(ledger: Ledger, clock: Clock) -> None:
    intend(ledger, operation())
    clock.move(seconds=5)
    with ledger.write("settle") as tx:
        assert tx.settle_operation("op1", S.CONFIRMED, expected={S.SENT}, now=clock.now, answer="201", settled_index=0)
        assert not tx.settle_operation("op1", S.REFUSED, expected={S.SENT, S.DEFERRED}, now=clock.now)
        assert not tx.settle_operation("op9", S.REFUSED, expected={S.SENT}, now=clock.now)
    assert settle(ledger, "op1", S.REFUSED) is None
    with ledger.read() as view:
        stored = view.operation("op1")
        assert view.head().size == 1
    assert stored is not None
    assert (stored.state, stored.settled_at, stored.answer) == (S.CONFIRMED, clock.now, "201")


def test_a_deferred_operation_is_sent_again_with_its_slots_kept(ledger: Ledger, clock: Clock) -> None:
    intend(ledger, operation())
    later = clock.now + timedelta(minutes=2)
    assert settle(ledger, "op1", S.DEFERRED, answer="rate limit", not_before=later) == 1
    with ledger.read() as view:
        deferred = view.operation("op1")
        assert len(view.slots_of("op1")) == 2
    clock.move(minutes=2)
    with ledger.write("again") as tx:
        resent = tx.record_resent("op1", {"note": "woken"})
        assert tx.record_resent("op1") is None
        assert tx.record_resent("op9") is None
    assert deferred is not None
    assert (deferred.state, deferred.not_before, deferred.settled_at) == (S.DEFERRED, later, None)
    assert resent is not None
    assert (resent.state, resent.sends, resent.sent_at, resent.not_before) == (S.SENT, 2, clock.now, None)
    assert resent.intended_index == 2


@pytest.mark.shows("RR-5")
def test_a_refused_operation_gives_its_slots_back_and_an_indeterminate_one_keeps_them(ledger: Ledger) -> None:
    intend(ledger, operation())
    settle(ledger, "op1", S.REFUSED, answer="403")
    with ledger.read() as view:
        assert view.all_slots() == ()
    intend(ledger, operation("op2"))
    settle(ledger, "op2", S.INDETERMINATE)
    with ledger.read() as view:
        assert len(view.slots_of("op2")) == 2
        assert [o.id for o in view.indeterminate_operations()] == ["op2"]
    settle(ledger, "op2", S.REFUSED, expected={S.INDETERMINATE}, event="resolved", answer="a person saw no attempt")
    with ledger.read() as view:
        assert view.all_slots() == ()
        assert view.indeterminate_operations() == ()


@pytest.mark.shows("LG-6")
def test_operations_and_slots_are_rebuilt_from_the_entries(ledger: Ledger, clock: Clock) -> None:
    def step(n: int, *, sha: str = "a" * 40) -> str:
        clock.move(seconds=7)
        name = f"op{n}"
        wanted = operation(
            name,
            run_id=str(5000 + n),
            head_sha=sha,
            created_at=clock.now,
            sent_at=clock.now,
            decided_index=n,
            named=(job(f"unit ({n})"), job("lint", labels=("x64",))),
            dependants=(job("gate"),),
        )
        assert intend(ledger, wanted, run=5, sha=5)
        clock.move(seconds=7)
        return name

    step(1)
    settle(ledger, step(2), S.CONFIRMED, answer="201")
    settle(ledger, step(3), S.REFUSED, answer="403 already running")
    settle(ledger, step(4), S.INDETERMINATE)
    settle(ledger, step(5, sha="b" * 40), S.INDETERMINATE)
    settle(ledger, "op5", S.REFUSED, expected={S.INDETERMINATE}, event="resolved", answer="did not happen")
    settle(ledger, step(6, sha="b" * 40), S.INDETERMINATE)
    settle(ledger, "op6", S.CONFIRMED, expected={S.INDETERMINATE}, event="resolved")
    settle(ledger, step(7, sha="b" * 40), S.DEFERRED, answer="429", not_before=clock.now + timedelta(minutes=1))
    settle(ledger, step(8, sha="b" * 40), S.DEFERRED, answer="429", not_before=clock.now + timedelta(minutes=1))
    with ledger.write("again") as tx:
        tx.record_resent("op8")
        tx.append("rerun.decided", {"operationId": "op8"})
        tx.append("other.confirmed", {"operationId": "unknown"})
    with ledger.read() as view:
        told = rebuild(view.entries(), view.text_of)
        assert told == (view.all_operations(), view.all_slots())
        assert len(told[0]) == 8
        assert len(told[1]) == 6 * 6


def test_erased_names_come_back_empty_when_rebuilt(ledger: Ledger) -> None:
    intend(ledger, operation())
    with ledger.write("erase") as tx:
        (entry,) = tx.entries()
        tx.erase_text(entry.data["owner"])
    with ledger.read() as view:
        ((told,), _) = rebuild(view.entries(), view.text_of)
    assert (told.owner, told.repository) == ("", "site")


@pytest.mark.shows("LG-8")
def test_entries_hold_no_name_of_a_person_or_repository(ledger: Ledger) -> None:
    intend(ledger, operation())
    settle(ledger, "op1", S.REFUSED, answer="octavia may not do this in acme/site")
    with ledger.read() as view:
        bodies = "".join(entry.body for entry in view.entries())
    for name in ("octavia", "acme", "site", "cicatrix[bot]", "request-1"):
        assert name not in bodies
    assert "ci.yml#unit" in bodies


def charge(ledger: Ledger, clock: Clock) -> Callable[..., None]:
    def charged(operation_id: str, state: OperationState = S.CONFIRMED, **changes: object) -> None:
        wanted = operation(operation_id, **{"created_at": clock.now, "sent_at": clock.now, **changes})
        assert intend(ledger, wanted, run=5, sha=5)
        if state is not S.SENT:
            settle(ledger, operation_id, state)

    return charged


@pytest.mark.shows("RR-8")
def test_sums_count_jobs_named_by_operations_that_are_not_refused(ledger: Ledger, clock: Clock) -> None:
    charged = charge(ledger, clock)
    two = (job("a", labels=("gpu",)), job("b", labels=("gpu", "x64")))
    charged("op1", named=two, dependants=(job("gate"),), minutes=10)
    charged("op2", S.REFUSED, run_id="2")
    charged("op3", S.INDETERMINATE, run_id="3", head_sha="b" * 40, minutes=4)
    charged("op4", run_id="4", pull_request=4, head_sha="c" * 40, minutes=2)
    charged("op5", run_id="5", repository_id="200", pull_request=3, head_sha="d" * 40, minutes=50)
    charged("op6", run_id="6", repository_id="300", owner_id="8", head_sha="e" * 40)
    charged("op7", host="ghes.example", run_id="7")
    with ledger.read() as view:
        used = view.usage(query(run_id="9"), clock.now)
    assert used.pull_request == 2
    assert used.pull_request_day == 3
    assert used.repository_day == 4
    assert used.organisation_day == 5
    assert used.label_day == {"gpu": 2, "x64": 1}
    assert used.minutes_pull_request_day == 14
    assert used.minutes_repository_day == 16
    assert used.operations == ()
    assert used.run_job == {}
    assert {(use.name, use.n) for use in used.sha_job} == {("a", 1), ("b", 1), ("gate", 1)}


@pytest.mark.shows("RR-8")
def test_day_sums_forget_after_24_hours_and_the_pull_request_sum_does_not(ledger: Ledger, clock: Clock) -> None:
    charge(ledger, clock)("op1")
    just_before, after = clock.now + timedelta(hours=24, microseconds=-1), clock.now + timedelta(hours=24)
    with ledger.read() as view:
        young, old = view.usage(query(), just_before), view.usage(query(), after)
    assert (young.repository_day, young.organisation_day, young.pull_request_day, young.pull_request) == (1, 1, 1, 1)
    assert (old.repository_day, old.organisation_day, old.pull_request_day, old.pull_request) == (0, 0, 0, 1)
    assert old.run_job == {"unit": 1}


def test_a_clock_that_stepped_back_counts_more_never_less(ledger: Ledger, clock: Clock) -> None:
    charge(ledger, clock)("op1")
    with ledger.read() as view:
        assert view.usage(query(), clock.now - timedelta(days=3)).repository_day == 1


def test_budgets_of_a_pull_request_do_not_apply_without_one(ledger: Ledger, clock: Clock) -> None:
    charge(ledger, clock)("op1", pull_request=0)
    with ledger.read() as view:
        used = view.usage(query(pull_request=0), clock.now)
    assert (used.pull_request, used.pull_request_day, used.minutes_pull_request_day) == (0, 0, 0)
    assert (used.repository_day, used.run_job) == (1, {"unit": 1})


def test_minutes_are_corrected_once_every_job_has_an_outcome(ledger: Ledger, clock: Clock) -> None:
    charge(ledger, clock)("op1", dependants=(job("gate"),), minutes=10)

    def minutes() -> int:
        with ledger.read() as view:
            return view.usage(query(), clock.now).minutes_repository_day

    def judged(name: str, minutes: int) -> None:
        with ledger.write("outcome") as tx:
            tx.record_outcome(outcome(job_name=name, minutes=minutes))

    assert minutes() == 10
    judged("unit", 25)
    assert minutes() == 10
    judged("gate", 1)
    assert minutes() == 26


def test_the_last_accepted_rerun_and_unchanged_failures_are_known_by_job_key(ledger: Ledger, clock: Clock) -> None:
    charged = charge(ledger, clock)
    charged("op1", dependants=(job("gate"),))
    clock.move(minutes=10)
    charged("op2", S.INDETERMINATE, run_id="2", named=(job("lint"),))
    charged("op3", run_id="3")
    with ledger.write("outcomes") as tx:
        for what in ("failed_same", "healed", "failed_same", "failed_same"):
            tx.record_outcome(outcome(what))
        tx.record_outcome(outcome("failed_same", job_key="ci.yml#gate"))
        tx.record_outcome(outcome("failed_other", job_key="ci.yml#gate"))
        tx.record_outcome(outcome("failed_same", head_sha="b" * 40))
    with ledger.read() as view:
        used = view.usage(query(), clock.now)
    assert used.last_rerun == {"ci.yml#unit": clock.now, "ci.yml#gate": clock.now - timedelta(minutes=10)}
    assert used.same_signal == {"ci.yml#unit": 2}


@pytest.mark.shows("LB-3")
def test_the_first_accepted_rerun_on_a_head_is_known(ledger: Ledger, clock: Clock) -> None:
    """What `maxWaitMinutesForGreen` is measured from: of this pull request and this head, refused ones left out."""
    charged = charge(ledger, clock)
    charged("op1", S.REFUSED)
    first = clock.move(minutes=1)
    charged("op2", run_id="2", named=(job("lint"),))
    clock.move(minutes=1)
    charged("op3", run_id="3")
    charged("op4", run_id="4", pull_request=0, head_sha="c" * 40)
    with ledger.read() as view:
        assert view.usage(query(), clock.now).first_rerun == first
        assert view.first_rerun_on_head(HOST, "100", 3, "a" * 40) == first
        assert view.first_rerun_on_head(HOST, "100", 0, "c" * 40) == clock.now
        assert view.first_rerun_on_head(HOST, "100", 4, "a" * 40) is None
        assert view.usage(query(head_sha="b" * 40), clock.now).first_rerun is None


def test_pacing_lets_one_write_an_interval_go(ledger: Ledger, clock: Clock) -> None:
    second = timedelta(seconds=1)
    with ledger.write("pace") as tx:
        start = clock.now
        assert tx.take_pace(HOST, "bot", start, second) is None
        assert tx.take_pace(HOST, "bot", start, second) == start + second
        assert tx.take_pace(HOST, "other", start, second) is None
        assert tx.take_pace(HOST, "bot", start + second, second) is None
        assert tx.take_pace(HOST, "bot", start + second, second) == start + 2 * second
        assert tx.take_pace(HOST, "bot", start + second, timedelta(0)) is None
        assert tx.take_pace(HOST, "bot", start - timedelta(hours=1), second) is None


@pytest.mark.shows("GE-5", "F31")
def test_the_kill_switch_stops_its_scope_and_nothing_else(ledger: Ledger) -> None:
    def why(repository: str = "100", owner: str = "9", host: str = HOST) -> str | None:
        with ledger.read() as view:
            assert view.usage(query(repository_id=repository, owner_id=owner, host=host), view.now).kill_switch == (
                view.kill_switch(host, repository, owner)
            )
            return view.kill_switch(host, repository, owner)

    assert why() is None
    with ledger.write("stop") as tx:
        tx.set_kill_switch("repository", "broken runner", "octavia", host=HOST, target="100")
    assert (why(), why("200"), why(host="ghes.example")) == ("repository: broken runner", None, None)
    with ledger.write("stop") as tx:
        tx.set_kill_switch("organisation", "freeze", "octavia", host=HOST, target="9")
    assert (why(), why("200"), why("200", "8")) == ("organisation: freeze", "organisation: freeze", None)
    with ledger.write("stop") as tx:
        tx.set_kill_switch("deployment", "stop", "octavia")
        tx.set_kill_switch("deployment", "stop everything", "octavia")
    assert why("200", "8", "ghes.example") == "deployment: stop everything"
    with ledger.write("go") as tx:
        assert tx.lift_kill_switch("deployment", "over", "octavia") == 4
        assert tx.lift_kill_switch("deployment", "over", "octavia") is None
    assert why("200", "8", "ghes.example") is None
    with ledger.read() as view:
        assert [entry.kind for entry in view.entries()] == ["kill_switch.set"] * 4 + ["kill_switch.lifted"]


@pytest.mark.shows("GE-5", "F31")
def test_the_kill_switch_of_an_action_stops_that_action_everywhere(ledger: Ledger) -> None:
    with ledger.write("stop") as tx:
        tx.set_kill_switch("action", "all jobs cost too much", "octavia", target="rerun_checks")
    with ledger.read() as view:
        assert view.kill_switch(HOST, "100", "9") is None
        assert view.kill_switch("ghes.example", "7", "8", "rerun_checks") == "action: all jobs cost too much"
        assert view.usage(query(), view.now).kill_switch is None
        assert view.usage(query(action="rerun_checks"), view.now).kill_switch == "action: all jobs cost too much"
    with ledger.write("stop") as tx:
        tx.set_kill_switch("repository", "broken runner", "octavia", host=HOST, target="100")
        tx.set_kill_switch("deployment", "stop", "octavia")
    with ledger.read() as view:
        assert view.kill_switch(HOST, "100", "9", "rerun_checks") == "deployment: stop", "the widest scope is named"
        assert [(s.scope, s.host, s.target, s.reason, s.set_by, s.ledger_index) for s in view.kill_switches()] == [
            ("deployment", "", "", "stop", "octavia", 2),
            ("repository", HOST, "100", "broken runner", "octavia", 1),
            ("action", "", "rerun_checks", "all jobs cost too much", "octavia", 0),
        ]
    with ledger.write("go") as tx:
        assert tx.lift_kill_switch("action", "over", "octavia", target="rerun_checks") == 3
        assert [switch.scope for switch in tx.kill_switches()] == ["deployment", "repository"]


@pytest.mark.parametrize(
    ("scope", "host", "target"),
    [
        ("deployment", HOST, "1"),
        ("repository", "", "1"),
        ("organisation", HOST, ""),
        ("galaxy", HOST, "1"),
        ("action", HOST, "rerun_checks"),
        ("action", "", "rerun_everything"),
        ("action", "", ""),
    ],
)
def test_a_kill_switch_without_a_clear_scope_is_refused(ledger: Ledger, scope: str, host: str, target: str) -> None:
    with pytest.raises(ValueError, match="kill switch scope"), ledger.write("stop") as tx:
        tx.set_kill_switch(scope, "why", "octavia", host=host, target=target)


def test_an_unexplained_attempt_stays_open_until_a_person_resolves_it(ledger: Ledger) -> None:
    with ledger.write("conflict") as tx:
        first = tx.open_conflict(HOST, "100", "5000", 2)
        assert first is not None
        assert tx.open_conflict(HOST, "100", "5000", 2) is None
        assert tx.identity_conflict(HOST, "100") == first
        assert tx.usage(query(), tx.now).identity_conflict == first
        assert tx.identity_conflict(HOST, "200") is None
        assert tx.resolve_conflict(first, "a colleague's second ledger", "octavia") == 1
        assert tx.resolve_conflict(first, "again", "octavia") is None
        assert tx.identity_conflict(HOST, "100") is None
        assert tx.open_conflict(HOST, "100", "5000", 2) is None


def test_flags_are_set_replaced_and_removed(ledger: Ledger) -> None:
    with ledger.write("flags") as tx:
        assert tx.flag("mode") is None
        tx.set_flag("mode", "shadow")
        tx.set_flag("mode", "off")
        assert tx.flag("mode") == "off"
        tx.set_flag("mode", None)
        assert tx.flag("mode") is None


@pytest.mark.shows("RR-4")
def test_the_database_itself_refuses_a_sixth_slot_or_the_same_number_twice(ledger: Ledger) -> None:
    with ledger.write("slots") as tx:
        assert tx.take_slots(operation(), limits=limits(operation(), 9, 9))
        for n in (1, 6, 0):
            with pytest.raises(IntegrityError), tx._connection.begin_nested():
                tx._connection.exec_driver_sql(
                    "INSERT INTO slots SELECT host, scope, key, ?, operation_id, created_at, repository_id, run_id,"
                    " head_sha, job_name, job_key FROM slots WHERE scope = 'run_job'",
                    (n,),
                )


def test_usage_may_leave_out_the_operation_that_is_planned_again(ledger: Ledger, clock: Clock) -> None:
    charged = charge(ledger, clock)
    charged("op1")
    charged("op2", S.SENT, minutes=9)
    with ledger.read() as view:
        both, one = view.usage(query(), clock.now), view.usage(query(), clock.now, excluding="op2")
    assert (both.run_job, one.run_job) == ({"unit": 2}, {"unit": 1})
    assert ([use.n for use in both.sha_job], [use.n for use in one.sha_job]) == ([1, 2], [1])
    assert (both.pull_request, one.pull_request, both.organisation_day, one.organisation_day) == (2, 1, 2, 1)
    assert (both.minutes_repository_day, one.minutes_repository_day) == (12, 3)
    assert ([o.id for o in both.operations], [o.id for o in one.operations]) == (["op1", "op2"], ["op1"])


def test_size_and_pace_are_seen_by_readers(ledger: Ledger, clock: Clock) -> None:
    with ledger.read() as view:
        assert (view.size(), view.pace_free_at(HOST, "bot")) == (0, None)
    with ledger.write("pace") as tx:
        tx.append("a.b", {})
        tx.take_pace(HOST, "bot", clock.now, timedelta(seconds=2))
    with ledger.read() as view:
        assert (view.size(), view.pace_free_at(HOST, "bot")) == (1, clock.now + timedelta(seconds=2))
