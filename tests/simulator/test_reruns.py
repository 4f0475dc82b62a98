"""What reruns along, what is refused, and what the history says really happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from cicatrix.simulator import JobSpec, Outcome, SimRun, SimulatorError, World
from tests.simulator.support import BROKEN, CI, FLAKY, REPO, client, failed_run, job_names, shop, world

GATED = (
    JobSpec(id="build"),
    JobSpec(id="flaky", needs=["build"], outcomes=FLAKY),
    JobSpec(id="broken", needs=["build"], outcomes=BROKEN),
    JobSpec(id="after", needs=["flaky"]),
    JobSpec(id="gate", needs=["flaky", "broken"], always=True),
    JobSpec(id="deploy", needs=["after"], environment="production"),
)


def conclusions(run: SimRun) -> dict[str, str]:
    return {name: e.conclusion for name, e in run.state.last.latest.items()}


def test_jobs_whose_need_failed_are_skipped_and_gates_fail() -> None:
    _, run = failed_run(world(), GATED)
    assert conclusions(run) == {
        "build": "success",
        "flaky": "failure",
        "broken": "failure",
        "after": "skipped",
        "gate": "failure",
        "deploy": "skipped",
    }


@pytest.mark.parametrize(
    ("path", "named", "dependants", "released"),
    [
        ("runs/{run}/rerun-failed-jobs", ["flaky", "broken", "gate"], ["after", "deploy"], ["after", "deploy"]),
        ("jobs/{flaky}/rerun", ["flaky"], ["after", "gate", "deploy"], ["after", "deploy"]),
        ("jobs/{broken}/rerun", ["broken"], ["gate"], []),
        (
            "runs/{run}/rerun",
            ["build", "flaky", "broken", "after", "gate", "deploy"],
            [],
            ["after", "deploy"],
        ),
    ],
)
@pytest.mark.shows("RR-7")
def test_each_endpoint_takes_its_jobs_and_everything_that_needs_them(
    path: str, named: list[str], dependants: list[str], released: list[str]
) -> None:
    made = world()
    _, run = failed_run(made, GATED)
    ids = {"run": run.id, "flaky": run.job("flaky").id, "broken": run.job("broken").id}
    with client(made) as http:
        assert http.post(f"{REPO}/actions/{path.format(**ids)}").status_code == 201
    effect = made.history.effects[-1]
    assert (sorted(effect["named"]), sorted(effect["dependants"])) == (sorted(named), sorted(dependants))
    assert sorted(effect["released"]) == sorted(released)
    assert effect["environments"] == (["deploy"] if "deploy" in released else [])
    assert (effect["attempt"], effect["login"], effect["call"]) == (2, "octocat", made.history.calls[-1]["seq"])


def test_outcomes_follow_the_executions_and_the_last_one_repeats() -> None:
    made = world()
    jobs = [JobSpec(id="test", outcomes=[Outcome.failure("1"), Outcome.timed_out(), Outcome.success()])]
    _, run = failed_run(made, jobs)
    seen = [run.conclusion]
    for _ in range(2):
        assert made.human_reruns(run.id)
        assert run.conclusion is None
        seen.append(run.finish().conclusion)
    made.human_reruns(run.id, everything=True)
    seen.append(run.finish().conclusion)
    assert seen == ["failure", "timed_out", "success", "success"]


def _running(made: World, run: SimRun) -> None:
    made.human_reruns(run.id)


def _old(made: World, run: SimRun) -> None:
    made.advance(timedelta(days=30, seconds=1).total_seconds())


def _often(made: World, run: SimRun) -> None:
    for _ in range(50):
        assert made.human_reruns(run.id)
        run.finish()


RUN = "This workflow is already running"
JOB = "The workflow run containing this job is already running"
OLD = "Unable to retry this workflow run because it was created over a month ago"


@pytest.mark.parametrize(
    ("before", "path", "message"),
    [
        (_running, "runs/{run}/rerun-failed-jobs", RUN),
        (_running, "runs/{run}/rerun", RUN),
        (_running, "jobs/{job}/rerun", JOB),
        (_old, "runs/{run}/rerun-failed-jobs", OLD),
        (_old, "jobs/{job}/rerun", OLD),
        (_often, "runs/{run}/rerun-failed-jobs", "re-run 50 times"),
        (_often, "jobs/{job}/rerun", "re-run 50 times"),
    ],
)
@pytest.mark.shows("RR-10")
def test_github_refuses(before: Callable[[World, SimRun], None], path: str, message: str) -> None:
    made = world()
    _, run = failed_run(made, [JobSpec(id="test", outcomes=BROKEN), JobSpec(id="other", outcomes=BROKEN)])
    job = run.job("test").id
    before(made, run)
    effects = len(made.history.effects)
    with client(made) as http:
        answer = http.post(f"{REPO}/actions/{path.format(run=run.id, job=job)}")
    assert answer.status_code == 403
    assert message in answer.json()["message"]
    assert len(made.history.effects) == effects


@pytest.mark.parametrize("conclusion", ["startup_failure", "action_required"])
@pytest.mark.shows("RR-10")
def test_runs_without_jobs_cannot_be_retried(conclusion: str) -> None:
    made = world()
    repo = shop(made)
    run = repo.run(CI, pull_request=repo.pull_request(1), conclusion=conclusion)
    with client(made) as http:
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["conclusion"] == conclusion
        answer = http.post(f"{REPO}/actions/runs/{run.id}/rerun")
    assert (answer.status_code, answer.json()["message"]) == (403, "This workflow run cannot be retried")


def test_a_green_run_has_no_failed_jobs_to_rerun() -> None:
    made = world()
    _, run = failed_run(made, [JobSpec(id="test")])
    with client(made) as http:
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs").status_code == 403
        assert http.post(f"{REPO}/actions/jobs/{run.job('test').id}/rerun").status_code == 201


@pytest.mark.parametrize("path", ["runs/1/rerun", "jobs/1/rerun", "runs/x/rerun-failed-jobs"])
def test_what_is_not_there_is_404(path: str) -> None:
    made = world()
    failed_run(made)
    made.on_exchange.clear()  # `runs/x` is no integer, on purpose
    with client(made) as http:
        assert http.post(f"{REPO}/actions/{path}").status_code == 404
        assert http.get("/repos/acme/none/actions/runs").status_code == 404


def test_a_run_of_another_repository_is_not_found() -> None:
    made = world()
    _, run = failed_run(made)
    made.repository("acme/other")
    with client(made) as http:
        assert http.get(f"/repos/acme/other/actions/runs/{run.id}").status_code == 404


def test_unknown_body_fields_are_422() -> None:
    made = world()
    _, run = failed_run(made)
    made.on_exchange.clear()  # wrong on purpose
    with client(made) as http:
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun", json={"jobs": [1]}).status_code == 422
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun", content=b"{").status_code == 400
    assert made.history.effects == []


def test_a_cancelled_job_is_no_failed_job_unless_the_world_says_so() -> None:
    jobs = [JobSpec(id="test", outcomes=FLAKY), JobSpec(id="stopped", outcomes=[Outcome.cancelled()])]
    for takes, ran in (({"failure", "timed_out"}, ["test"]), ({"failure", "cancelled"}, ["test", "stopped"])):
        made = world(rerun_failed_takes=frozenset(takes))
        _, run = failed_run(made, jobs)
        made.human_reruns(run.id)
        assert made.history.effects[-1]["ran"] == ran


def test_a_person_cancels() -> None:
    made = world()
    jobs = [JobSpec(id="test"), JobSpec(id="next", needs=["test"])]
    repo = shop(made, jobs)
    run = repo.run(CI, pull_request=repo.pull_request(1))
    made.advance(10)
    assert made.human_cancels(run.id)
    assert not made.human_cancels(run.id)
    assert run.conclusion == "cancelled"
    assert made.history.effects[-1]["kind"] == "cancel"
    assert [run.job(n).ran for n in ("test", "next")] == [True, False]


def test_matrix_jobs_bear_their_values() -> None:
    made = world()
    jobs = [
        JobSpec(id="test", matrix={"python": ["3.11", "3.12"], "os": ["ubuntu", "mac"]}),
        JobSpec(id="lint", name="Lint ${{ matrix.tool }}", matrix={"tool": ["ruff", "mypy"]}),
        JobSpec(id="docs", name="Docs", matrix={"n": [1]}),
    ]
    _, run = failed_run(made, jobs)
    with client(made) as http:
        assert job_names(http, run, 1) == [
            "test (3.11, ubuntu)",
            "test (3.11, mac)",
            "test (3.12, ubuntu)",
            "test (3.12, mac)",
            "Lint ruff",
            "Lint mypy",
            "Docs (1)",
        ]


def test_reusable_workflows_are_opened_and_referenced() -> None:
    made = world()
    other = made.repository("acme/tools")
    jobs = [
        JobSpec(
            id="unit",
            matrix={"v": [1, 2]},
            uses="./.github/workflows/unit.yml",
            jobs=[JobSpec(id="run", outcomes=BROKEN), JobSpec(id="report", needs=["run"])],
        ),
        JobSpec(
            id="scan",
            needs=["unit"],
            uses="acme/tools/.github/workflows/scan.yml@v1",
            jobs=[JobSpec(id="deep")],
        ),
    ]
    _, run = failed_run(made, jobs)
    with client(made) as http:
        assert set(job_names(http, run, 1)) == {
            "unit (1) / run",
            "unit (1) / report",
            "unit (2) / run",
            "unit (2) / report",
            "scan / deep",
        }
        paths = [w["path"] for w in http.get(f"{REPO}/actions/runs/{run.id}").json()["referenced_workflows"]]
        assert paths == [
            "acme/shop/.github/workflows/unit.yml@refs/pull/1/merge",
            "acme/tools/.github/workflows/scan.yml@v1",
        ]
        assert http.get(f"{REPO}/contents/.github/workflows/unit.yml").status_code == 200
        assert http.get("/repos/acme/tools/contents/.github/workflows/scan.yml?ref=v1").status_code == 200
    assert other.files
    assert conclusions(run)["scan / deep"] == "skipped"


def test_a_skipped_matrix_can_be_shown_as_one_job() -> None:
    made = world(skipped_shown="collapsed")
    jobs = [JobSpec(id="test", outcomes=FLAKY), JobSpec(id="ship", needs=["test"], matrix={"to": ["eu", "us"]})]
    _, run = failed_run(made, jobs)
    with client(made) as http:
        assert sorted(job_names(http, run, 1)) == ["ship", "test"]
        made.human_reruns(run.id)
        run.finish()
        assert sorted(job_names(http, run, 2)) == ["ship (eu)", "ship (us)", "test"]
    assert made.history.effects[-1]["released"] == ["ship (eu)", "ship (us)"]


def test_the_merge_queue_has_its_own_event_and_branch() -> None:
    made = world()
    repo = shop(made)
    repo.workflow(CI, [JobSpec(id="test", outcomes=BROKEN)], on=["pull_request", "merge_group"])
    run = repo.run(CI, branch="gh-readonly-queue/main/pr-1-abc", event="merge_group", finished=True)
    with client(made) as http:
        tree = http.get(f"{REPO}/actions/runs/{run.id}").json()
    assert (tree["event"], tree["head_branch"]) == ("merge_group", "gh-readonly-queue/main/pr-1-abc")


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ([JobSpec(id="a", needs=["b"]), JobSpec(id="b", needs=["a"])], "circle"),
        ([JobSpec(id="a", needs=["nobody"])], "unknown"),
        ([JobSpec(id="a", name="x"), JobSpec(id="b", name="x")], "another name"),
    ],
)
def test_impossible_workflows_are_refused(jobs: list[JobSpec], message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        world().repository("acme/shop").workflow(CI, jobs)


@pytest.mark.parametrize(
    ("outcome", "steps", "runner"),
    [
        (Outcome.failure("x"), ["success", "success", "success", "failure", "success"], True),
        (
            Outcome.failure("x", step="Install dependencies"),
            ["success", "success", "failure", "skipped", "success"],
            True,
        ),
        (Outcome.lost_runner(), ["success", "success", "success", None], True),
        (Outcome.lost_runner(empty_steps=True), [], True),
        (Outcome.never_acquired(), [], False),
        (Outcome.cancelled(), ["success", "success", "success", "cancelled", "success"], True),
    ],
)
@pytest.mark.shows("RR-11")
def test_steps_have_the_shapes_that_diagnosis_reads(outcome: Outcome, steps: list[str | None], runner: bool) -> None:
    made = world()
    _, run = failed_run(made, [JobSpec(id="test", outcomes=[outcome])])
    with client(made) as http:
        tree = http.get(f"{REPO}/actions/jobs/{run.job('test').id}").json()
        logs = http.get(f"{REPO}/actions/jobs/{run.job('test').id}/logs")
    assert [step["conclusion"] for step in tree["steps"]] == steps
    assert (tree["runner_id"] is not None) is runner
    assert logs.status_code == (302 if outcome.shape == "steps" else 404)


def test_an_unknown_conclusion_is_told_as_it_is_and_marked() -> None:
    made = world()
    _, run = failed_run(made, [JobSpec(id="test", outcomes=[Outcome.other("exploded")])])
    with client(made) as http:
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["conclusion"] == "exploded"
        assert http.get(f"{REPO}/actions/jobs/{run.job('test').id}").json()["conclusion"] == "exploded"
    assert made.history.calls[-1]["faults"] == ["unknown_conclusion"]
