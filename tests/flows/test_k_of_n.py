"""Exactly k of n: whatever a run is made of, only what may rerun is asked for, and what runs along is declared."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from cicatrix.core.operations import OperationState
from cicatrix.ledger import export_lines
from cicatrix.simulator import JobSpec, Outcome, SimRun
from tests import history
from tests.flows.generated import Generated, generate
from tests.stage import CI, Stage, broken, codes, job_of, lawbook, lost

CHUNKS = 4
RUNS = 60
"""Generated runs a chunk."""
FIRST_SEED = 7_000
NO_COOLDOWN = "version: t.1\nstopRules: {cooldownMinutes: 0}\n"
QUIET = timedelta(days=3650)


# --- generated runs ---


@pytest.mark.shows("RR-7", "RR-10", "F9", "D4", "A3")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_generated_runs_keep_to_what_may_rerun(stage: Stage, chunk: int) -> None:
    stage.deploy(base=lawbook(NO_COOLDOWN))
    seen: Counter[str] = Counter()
    first = FIRST_SEED + chunk * RUNS
    print(f"seeds {first} to {first + RUNS - 1}")
    for number, seed in enumerate(range(first, first + RUNS), 1):
        generated = generate(seed)
        start = len(stage.world.history.records)
        run = play(stage, generated, number, seen)
        wrong = judged(stage, run, generated, stage.world.history.records[start:])
        assert not wrong, f"{generated}\n" + "\n".join(wrong)
    wrong = whole_history(stage)
    assert not wrong, "\n".join(wrong)
    print(dict(seen.most_common()))
    # a generator that never gets to the point would prove nothing
    assert seen["rerun-failed-jobs"] >= 8
    assert seen["rerun-job"] >= 5
    assert seen["dependants"] >= 5
    assert seen["side_effect_job"] >= 2
    assert seen["broken beside a rerun"] >= 3


def play(stage: Stage, generated: Generated, number: int, seen: Counter[str]) -> SimRun:
    """The run goes red, somebody asks, everything goes on until it is quiet, somebody asks once more."""
    stage.world.advance(25 * 3600)
    stage.world.listing = generated.listing
    stage.world.skipped_shown = generated.skipped_shown
    path = f".github/workflows/w{number}.yml"
    stage.repo.workflow(path, generated.jobs, on=generated.event)
    pull = stage.repo.pull_request(number, head_branch=f"change-{number}") if generated.event != "push" else None
    branch = None if pull else f"branch-{number}"
    run = stage.repo.run(path, pull_request=pull, branch=branch, finished=True)
    if not generated.readable:
        stage.repo.remove_file(path)
    stage.world.advance(1)
    for _ in range(2):
        answer = stage.ask(number if pull else None, run_id=run.id)
        seen.update(str(job.get("reasonCode")) for job in answer["jobs"])
        until_quiet(stage)
    return run


def until_quiet(stage: Stage) -> None:
    for _ in range(20):
        stage.tick(300)
        with stage.ctx.ledger.read() as view:
            if not view.open_operations() and not view.due_cases(stage.world.now + QUIET):
                return
    raise AssertionError("not quiet after 20 ticks")


def judged(stage: Stage, run: SimRun, generated: Generated, records: list[dict[str, Any]]) -> list[str]:
    """What happened to the run that must not have, by what GitHub really did and by what was charged for it."""
    wrong: list[str] = []
    effects = [r for r in records if r["type"] == "effect" and r["runId"] == str(run.id)]
    for effect in effects:
        wrong += [
            f"asked for {name!r}, which is broken: {effect}" for name in effect["named"] if _bad(generated, run, name)
        ]
        wrong += [
            f"ran {name!r}, which has side effects: {effect}" for name in effect["ran"] if generated.is_guarded(name)
        ]
        wrong += [f"ran {name!r}, which has an environment: {effect}" for name in effect["environments"]]
    with stage.ctx.ledger.read() as view:
        operations = view.operations_of_run(*stage.key(run))
        for op in operations:
            charged = Counter(slot.job_name for slot in view.slots_of(op.id) if slot.scope == "run_job")
            told = Counter(ref.name for ref in (*op.named, *op.dependants))
            expected = Counter[str]() if op.state is OperationState.REFUSED else told
            if charged != expected:
                wrong.append(f"operation {op.id} ({op.state}) tells {dict(told)} and is charged {dict(charged)}")
        used = Counter(slot.job_name for op in operations for slot in view.slots_of(op.id) if slot.scope == "run_job")
    executed = Counter(name for effect in effects for name in effect["ran"])
    wrong += [f"{name!r} ran {n} times and was charged {used[name]}" for name, n in executed.items() if n > used[name]]
    return wrong


def _bad(generated: Generated, run: SimRun, name: str) -> bool:
    """Whether the job is broken: of a matrix, only the leaf that fails so."""
    outcomes = next(leaf.outcomes for leaf in run.state.leaves if leaf.name == name)
    return generated.is_broken(name) and outcomes[0].conclusion == "failure" and outcomes[0].shape == "steps"


def whole_history(stage: Stage) -> list[str]:
    with stage.ctx.ledger.read() as view:
        lines = list(export_lines(view.entries()))
    return history.check(stage.world.history.records, lines, ours={"octocat"})
