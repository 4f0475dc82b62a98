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
MAX_ATTEMPTS = 2
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
        records = stage.world.history.records[start:]
        wrong = judged(stage, run, generated, records)
        for effect in effects_of(run, records):
            seen[effect["kind"]] += 1
            seen["dependants"] += bool(effect["dependants"])
            seen["a skipped job released"] += bool(effect["released"])
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
    assert seen["a skipped job released"] >= 3


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
        told = {str(job.get("reasonCode")) for job in answer["jobs"]}
        seen.update(told)
        seen["broken beside a rerun"] += "RERUN" in {job["action"] for job in answer["jobs"]} and "not_eligible" in told
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
    effects = effects_of(run, records)
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
    for name, times in executed.items():
        charges = sum(n for line, n in used.items() if line == name or name.startswith((f"{line} (", f"{line} / ")))
        if times > charges or times > MAX_ATTEMPTS:
            wrong.append(f"{name!r} ran {times} times and was charged {charges}")
    return wrong


def effects_of(run: SimRun, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in records if r["type"] == "effect" and r["runId"] == str(run.id)]


def _bad(generated: Generated, run: SimRun, name: str) -> bool:
    """Whether the job is broken: of a matrix, only the leaf that fails so."""
    outcomes = next(leaf.outcomes for leaf in run.state.leaves if leaf.name == name)
    return generated.is_broken(name) and outcomes[0].conclusion == "failure" and outcomes[0].shape == "steps"


def whole_history(stage: Stage) -> list[str]:
    with stage.ctx.ledger.read() as view:
        lines = list(export_lines(view.entries()))
    return history.check(stage.world.history.records, lines, ours={"octocat"})


# --- stories ---

UNIT = JobSpec(id="unit", outcomes=lost())
LINT = JobSpec(id="lint", outcomes=lost())
BUILD = JobSpec(id="build", outcomes=broken())


def reruns(stage: Stage) -> list[tuple[str, list[str], list[str]]]:
    """Endpoint, jobs asked for, jobs that ran, of every rerun of ours."""
    return [(e["kind"], e["named"], e["ran"]) for e in stage.effects]


@pytest.mark.shows("RR-7", "D4", "F9")
@pytest.mark.parametrize("listing", ["copied", "absent"])
def test_two_flakes_and_their_gate_are_exactly_one_post(stage: Stage, listing: str) -> None:
    stage.world.listing = listing
    run = stage.red([UNIT, LINT, JobSpec(id="gate", needs=["unit", "lint"], always=True)])
    answer = stage.ask()
    assert codes(answer)["gate"] == "SKIP dependant_failure"
    assert len(stage.posts_of_reruns()) == 1
    assert [(kind, set(named), set(ran)) for kind, named, ran in reruns(stage)] == [
        ("rerun-failed-jobs", {"unit", "lint", "gate"}, {"unit", "lint", "gate"})
    ]
    stage.tick()
    assert run.conclusion == "success"
    assert len(stage.posts_of_reruns()) == 1


@pytest.mark.shows("RR-7", "RR-1", "F9", "A3")
def test_two_flakes_beside_a_broken_job_are_rerun_one_after_another(stage: Stage) -> None:
    """One at a time, waiting for the run to complete in between; the price in attempts is shown first."""
    run = stage.red([UNIT, LINT, BUILD])
    answer = stage.ask()
    assert "2 single-job reruns, one after another: unit, lint" in answer["reasons"][0]
    assert {name: job_of(answer, name).get("state") for name in ("unit", "lint")} == {"unit": "sent", "lint": "queued"}
    assert codes(answer)["build"] == "SKIP not_eligible"
    assert answer["metadata"]["rerunJobs"] == 2
    assert reruns(stage) == [("rerun-job", ["unit"], ["unit"])]
    stage.tick(20)  # the attempt is still going: nothing may be asked for
    assert len(stage.posts_of_reruns()) == 1
    stage.tick()
    assert reruns(stage)[1:] == [("rerun-job", ["lint"], ["lint"])]
    stage.tick()
    assert len(stage.posts_of_reruns()) == 2
    assert run.attempt == 3
    with stage.ctx.ledger.read() as view:
        rows = view.attempts(run=stage.key(run))
    assert [r.row.job_name for r in rows if r.row.decision == "RERUN_TRIGGERED"] == ["unit", "lint"]
    assert not whole_history(stage)


@pytest.mark.shows("RR-7", "F9")
def test_mixed_block_asks_for_nothing(stage: Stage) -> None:
    stage.deploy(base=lawbook("version: t.1\nmixed: block\n"))
    stage.red([UNIT, BUILD])
    assert codes(stage.ask()) == {"unit": "BLOCKED mixed_failures", "build": "SKIP not_eligible"}
    assert not stage.posts_of_reruns()


@pytest.mark.shows("RR-7", "RR-8")
def test_serial_reruns_stop_at_their_number(stage: Stage) -> None:
    stage.red([UNIT, LINT, JobSpec(id="docs", outcomes=lost()), BUILD])
    answer = stage.ask()
    assert [job_of(answer, name).get("state") for name in ("unit", "lint", "docs")] == ["sent", "queued", None]
    assert codes(answer)["docs"] == "BLOCKED mixed_failures"
    for _ in range(4):
        stage.tick()
    assert len(stage.posts_of_reruns()) == 2


@pytest.mark.shows("RR-7", "RR-8")
def test_serial_reruns_stop_at_their_minutes(stage: Stage) -> None:
    stage.deploy(base=lawbook("version: t.1\nserial: {maxAttempts: 2, maxMinutes: 3}\n"))
    stage.red(
        [JobSpec(id="unit", seconds=120, outcomes=lost()), JobSpec(id="lint", seconds=120, outcomes=lost()), BUILD]
    )
    answer = stage.ask()
    assert codes(answer)["unit"] == "RERUN infra_transient"
    assert codes(answer)["lint"] == "BLOCKED mixed_failures"
    assert "serial.maxMinutes" in job_of(answer, "lint")["detail"]


@pytest.mark.shows("RR-7", "RR-4", "RR-8")
def test_a_shared_dependant_is_charged_each_time(stage: Stage) -> None:
    """Two single-job reruns that both take the package job along spend two of its reruns, so a third is refused."""
    stage.deploy(base=lawbook(NO_COOLDOWN))
    package = JobSpec(id="package", needs=["unit", "lint"])
    unit = JobSpec(id="unit", outcomes=[*lost()[:1], *lost()])
    run = stage.red([unit, LINT, package, BUILD])
    stage.ask()
    stage.tick()
    stage.tick()
    assert [named for _, named, _ in reruns(stage)] == [["unit"], ["lint"]]
    with stage.ctx.ledger.read() as view:
        charged = Counter(s.job_name for op in view.operations_of_run(*stage.key(run)) for s in view.slots_of(op.id))
    scopes = 2
    assert charged == {"unit": scopes, "lint": scopes, "package": 2 * scopes}
    answer = stage.ask()
    assert codes(answer)["unit"] == "BLOCKED max_attempts_exceeded"
    assert "package would run along" in job_of(answer, "unit")["detail"]
    assert len(stage.posts_of_reruns()) == 2


@pytest.mark.shows("RR-7", "RR-4")
def test_a_matrix_that_was_skipped_as_one_line_is_charged_under_the_names_it_runs_as(stage: Stage) -> None:
    stage.world.skipped_shown = "collapsed"
    wheels = JobSpec(id="wheels", needs=["unit"], matrix={"os": ["linux", "mac"]})
    run = stage.red([UNIT, wheels])
    stage.ask()
    with stage.ctx.ledger.read() as view:
        (op,) = view.operations_of_run(*stage.key(run))
    assert [ref.name for ref in op.dependants] == ["wheels (linux)", "wheels (mac)"]
    assert reruns(stage) == [("rerun-failed-jobs", ["unit"], ["unit", "wheels (linux)", "wheels (mac)"])]
    assert not whole_history(stage)


@pytest.mark.shows("RR-7", "RR-10")
def test_a_push_run_whose_workflow_file_cannot_be_read_is_left_alone(stage: Stage) -> None:
    stage.repo.workflow(CI, [UNIT, JobSpec(id="after", needs=["unit"])], on="push")
    run = stage.repo.run(CI, branch="main", finished=True)
    stage.repo.remove_file(CI)
    assert codes(stage.ask(None, run_id=run.id))["unit"] == "BLOCKED dependants_unknown"
    assert not stage.posts_of_reruns()


@pytest.mark.shows("RR-7", "RR-10")
def test_a_pull_request_run_whose_file_cannot_be_read_takes_everything_later_as_dependant(stage: Stage) -> None:
    run = stage.red([UNIT, JobSpec(id="after", needs=["unit"]), JobSpec(id="beside")])
    stage.repo.remove_file(CI)
    assert codes(stage.ask())["unit"] == "RERUN infra_transient"
    with stage.ctx.ledger.read() as view:
        (op,) = view.operations_of_run(*stage.key(run))
    assert [ref.name for ref in op.dependants] == ["after"]


@pytest.mark.shows("RR-10")
@pytest.mark.parametrize("readable", [True, False])
def test_a_deploy_job_that_was_skipped_so_far_is_never_released(stage: Stage, readable: bool) -> None:
    stage.red([UNIT, JobSpec(id="deploy", needs=["unit"])])
    if not readable:
        stage.repo.remove_file(CI)
    answer = stage.ask()
    assert codes(answer)["unit"] == "BLOCKED side_effect_job"
    assert "deploy would run along" in job_of(answer, "unit")["detail"]
    assert not stage.posts_of_reruns()


@pytest.mark.shows("RR-10")
def test_a_job_with_an_environment_is_not_rerun_and_not_taken_along(stage: Stage) -> None:
    stage.red([UNIT, JobSpec(id="smoke", needs=["unit"], environment="staging")])
    assert codes(stage.ask())["unit"] == "BLOCKED environment_job"
    stage.red([JobSpec(id="smoke", environment="staging", outcomes=lost())], number=2, path=".github/workflows/s.yml")
    assert codes(stage.ask(2))["smoke"] == "BLOCKED environment_job"
    assert not stage.posts_of_reruns()


@pytest.mark.shows("RR-10")
def test_a_side_effect_job_that_the_lawbook_names_may_run_along(stage: Stage) -> None:
    stage.deploy(base=lawbook("version: t.1\nsideEffects: {allow: [deploy-preview]}\n"))
    stage.red([UNIT, JobSpec(id="deploy-preview", needs=["unit"])])
    assert codes(stage.ask())["unit"] == "RERUN infra_transient"
    assert reruns(stage) == [("rerun-failed-jobs", ["unit"], ["unit", "deploy-preview"])]


@pytest.mark.shows("RR-7", "RR-4")
def test_a_dynamic_matrix_that_was_skipped_as_one_line_spends_the_reruns_of_its_jobs(stage: Stage) -> None:
    """Its names are not known beforehand: what was charged for the one line counts for every job that it turns into."""
    stage.world.skipped_shown = "collapsed"
    stage.deploy(base=lawbook("version: t.1\nstopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5}\n"))
    wheels = JobSpec(
        id="wheels", needs=["unit"], matrix={"os": ["linux"]}, dynamic_matrix=True, outcomes=[Outcome.lost_runner()]
    )
    run = stage.red([UNIT, wheels])
    stage.ask()
    stage.tick()
    assert codes(stage.ask())["wheels (linux)"] == "RERUN infra_transient"
    stage.tick()
    assert codes(stage.ask())["wheels (linux)"] == "BLOCKED max_attempts_exceeded"
    assert [ran for _, _, ran in reruns(stage)] == [["unit", "wheels (linux)"], ["wheels (linux)"]]
    assert run.attempt == 1 + MAX_ATTEMPTS
