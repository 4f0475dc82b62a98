"""Runs that wait for the test: queued until it starts them, running until it ends them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from .specs import Outcome, SimulatorError
from .state import Execution, RunState

NEVER = timedelta(days=36_500)


def hold(run: RunState) -> None:
    """Takes the run's future away: its jobs start and end when the test says so."""
    run.held = True
    far = run.created_at + NEVER
    for execution in run.last.executions:
        if execution.leaf.needs:
            execution.ready_at = far
        execution.started_at = execution.completed_at = far


def start(run: RunState, now: datetime) -> None:
    """The jobs that need no other are in progress."""
    _check(run)
    for execution in run.last.executions:
        if execution.ready_at <= now:
            execution.started_at = min(execution.started_at, now)


def finish(run: RunState, now: datetime, conclusion: str, outcomes: Mapping[str, Outcome]) -> None:
    """Every job is over, with its own outcome or the run's conclusion."""
    _check(run)
    unknown = set(outcomes) - {e.name for e in run.last.executions}
    if unknown:
        raise SimulatorError(f"run {run.id} has no job {min(unknown)!r}")
    for execution in run.last.executions:
        _end(execution, now, outcomes.get(execution.name) or _outcome(conclusion))
    run.held = False


def _end(execution: Execution, now: datetime, outcome: Outcome) -> None:
    execution.ready_at = min(execution.ready_at, now)
    execution.started_at = min(execution.started_at, now)
    execution.completed_at = now
    execution.conclusion, execution.outcome = outcome.conclusion, outcome
    execution.ran = outcome.conclusion != "skipped"


def _outcome(conclusion: str) -> Outcome:
    return Outcome.failure() if conclusion == "failure" else Outcome.other(conclusion)


def _check(run: RunState) -> None:
    if not run.held:
        raise SimulatorError(f"run {run.id} is not held: it progresses with the time, or is over")
