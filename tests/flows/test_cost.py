"""What a decision costs in requests to GitHub, against the issue's formula; and that none of it is a needless wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from cicatrix.simulator import JobSpec, Outcome, SimRun
from tests.stage import CI, Stage, broken, lost

UNIT = JobSpec(id="unit", outcomes=lost())
LINT = JobSpec(id="lint", outcomes=broken())
RESET = Outcome.failure("npm error code ECONNRESET\nnpm error network read ECONNRESET", step="Install dependencies")
GATE = JobSpec(id="gate", needs=["unit"], always=True)
SHARED = JobSpec(id="shared", uses="./.github/workflows/shared.yml", jobs=[JobSpec(id="inner", outcomes=lost())])
NIGHTLY = ".github/workflows/nightly.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The issue's formula, item by item. Token requests, redirects and reconcile reads are not counted."""

    pull_request: int = 1
    runs: int = 1
    check_runs: int = 1
    attempts: Sequence[int] = ()
    """Number of attempts of each failed run: their jobs are read attempt by attempt."""
    workflow_files: int = 0
    """Each workflow and each reusable one once."""
    newer_runs: int = 0
    """Of its workflow and branch, for each failed run without a pull request."""
    named_run: int = 0
    logs: int = 0
    """Of failed jobs that facts do not settle."""
    lawbook: int = 1
    identity: int = 1
    head_read: int = 0
    """Before the write."""

    @property
    def total(self) -> int:
        head = self.pull_request + self.runs + self.check_runs
        each = sum(self.attempts) + self.workflow_files + self.newer_runs
        return head + each + self.named_run + self.logs + self.lawbook + self.identity + self.head_read


def spent(stage: Stage, ask: Callable[[], dict[str, Any]]) -> tuple[int, Counter[str], dict[str, Any]]:
    """Reads of one decision by GitHub's path templates; the hop to the log host is a redirect."""
    before = len(stage.ctx.github.requests)
    answer = ask()
    sent = [r for r in stage.ctx.github.requests[before:] if r.template != "(log)"]
    reads = Counter(r.template for r in sent if r.method == "GET")
    assert sum(r.method != "GET" for r in sent) <= 1, "a decision about one run writes once"
    return reads.total(), reads, answer


def by_pull_request(stage: Stage, jobs: Sequence[JobSpec]) -> Callable[[], dict[str, Any]]:
    stage.red(jobs)
    return stage.ask


def gate_and_log(stage: Stage) -> Callable[[], dict[str, Any]]:
    return by_pull_request(stage, [UNIT, LINT, GATE])


def reset_during_install(stage: Stage) -> Callable[[], dict[str, Any]]:
    return by_pull_request(stage, [JobSpec(id="unit", outcomes=[RESET, Outcome.success()])])


def lost_runner(stage: Stage) -> Callable[[], dict[str, Any]]:
    return by_pull_request(stage, [UNIT, JobSpec(id="docs")])


def reusable(stage: Stage) -> Callable[[], dict[str, Any]]:
    return by_pull_request(stage, [SHARED, JobSpec(id="after", needs=["shared"])])


def dry_run(stage: Stage) -> Callable[[], dict[str, Any]]:
    stage.red([UNIT])
    return lambda: stage.ask(dry_run=True)


def nothing_red(stage: Stage) -> Callable[[], dict[str, Any]]:
    return by_pull_request(stage, [JobSpec(id="unit")])


def two_workflows(stage: Stage) -> Callable[[], dict[str, Any]]:
    stage.red([LINT])
    stage.red([JobSpec(id="nightly", outcomes=broken())], path=NIGHTLY)
    return stage.ask


def third_attempt(stage: Stage) -> Callable[[], dict[str, Any]]:
    run = stage.red([JobSpec(id="unit", outcomes=[Outcome.lost_runner()])])
    for _ in range(2):
        stage.world.human_reruns(run.id)
        run.finish()
    return stage.ask


def named_with_pull_request(stage: Stage) -> Callable[[], dict[str, Any]]:
    run = stage.red([UNIT])
    return lambda: stage.ask(run_id=run.id)


def named_by_itself(stage: Stage) -> Callable[[], dict[str, Any]]:
    run = stage.red([UNIT])
    return lambda: stage.ask(None, run_id=run.id)


def push_run(stage: Stage) -> Callable[[], dict[str, Any]]:
    run = pushed(stage)
    return lambda: stage.ask(None, run_id=run.id)


def pushed(stage: Stage) -> SimRun:
    stage.repo.workflow(CI, [UNIT], on="push")
    return stage.repo.run(CI, branch="main", finished=True)


def one_run(**more: int) -> Price:
    """The price of one red run in its first attempt."""
    return Price(attempts=(1,), workflow_files=more.pop("workflow_files", 1), **more)


@pytest.mark.parametrize(
    ("shape", "price"),
    [
        (lost_runner, one_run(head_read=1)),
        (reset_during_install, one_run(logs=1, head_read=1)),
        (gate_and_log, one_run(logs=1, head_read=1)),
        (reusable, one_run(workflow_files=2, head_read=1)),
        (dry_run, one_run()),
        (nothing_red, Price()),
        (two_workflows, Price(attempts=(1, 1), workflow_files=2, logs=2)),
        (third_attempt, Price(attempts=(3,), workflow_files=1)),
        (named_with_pull_request, one_run(named_run=1, head_read=1)),
        (named_by_itself, one_run(named_run=1, head_read=1)),
        (push_run, one_run(pull_request=0, runs=0, check_runs=0, named_run=1, newer_runs=1, head_read=1)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_decision_costs_no_more_requests_than_the_formula(
    stage: Stage, shape: Callable[[Stage], Callable[[], dict[str, Any]]], price: Price
) -> None:
    total, reads, answer = spent(stage, shape(stage))
    print(f"{shape.__name__}: {total} of {price.total}; {answer['decision']}; {dict(reads)}")
    assert total <= price.total, dict(reads)
    writes = price.head_read == 1
    assert (answer["decision"] == "RERUN_TRIGGERED") is writes, answer["reasons"]


def test_a_second_decision_asks_for_no_file_again(stage: Stage) -> None:
    """A file at a SHA never changes, and an unchanged lawbook is answered 304, which GitHub does not count."""
    stage.red([LINT])
    stage.repo.file(".github/cicatrix.yml", "version: t.1\n")
    spent(stage, stage.ask)
    start = len(stage.world.history.records)
    spent(stage, stage.ask)
    calls = [r for r in stage.world.history.records[start:] if r["type"] == "call"]
    files = [(c["path"].rpartition("/contents/")[2], c["status"]) for c in calls if "/contents/" in c["path"]]
    assert files == [(".github/cicatrix.yml", 304)]
