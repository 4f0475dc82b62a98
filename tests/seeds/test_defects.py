"""The defects of seed 000's original, told as stories to the seed's own algorithm and to ours (IT-3).

Each story first shows the defect in `tests/seed_original.py`, so that a test here cannot pass because nothing happened,
and then that the product does not have it. The list of all defects stands in `test_defects_002.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cicatrix.simulator import JobSpec, SimTransport
from tests.seed_original import SeedOriginal
from tests.stage import TOKEN, Stage, always_lost, broken, codes, job_of, lost

FLAKY = JobSpec(id="flaky-unit", outcomes=always_lost())
"""A name that the seed's classifier takes for evidence, and a failure that is evidence."""


@pytest.fixture
def original(stage: Stage, tmp_path: Path) -> Iterator[SeedOriginal]:
    """The seed's algorithm on the same simulated GitHub, with a table of its own."""
    with httpx.Client(
        base_url=stage.world.api_origin,
        transport=SimTransport(stage.world),
        headers={"authorization": f"Bearer {TOKEN}", "accept": "application/vnd.github+json"},
    ) as http:
        yield SeedOriginal(http=http, file=tmp_path / "seed.sqlite3", owner="acme", repo="shop")


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(file)
    try:
        yield database
    finally:
        database.close()


def actions(answer: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {job["jobName"]: f"{job['action']} {job['reasonCode']}" for job in answer["jobs"]}


@pytest.mark.shows("IT-3", "A2", "RR-6")
def test_a_refusal_by_github_is_no_rerun(stage: Stage, original: SeedOriginal) -> None:
    reads = dict.fromkeys(("actions", "contents", "pull_requests", "checks", "metadata"), "read")
    stage.world.token("weak", login="octocat", kind="user", permissions=reads)
    stage.red([FLAKY])
    original.http.headers["authorization"] = "Bearer weak"
    assert actions(original.rerun_failed_jobs(1, "r")) == {"flaky-unit": "RERUN flaky_probable"}, "said, not done"
    assert codes(stage.ask(ctx=stage.context(token="weak"))) == {"flaky-unit": "BLOCKED github_refused"}
    assert stage.effects == []


@pytest.mark.shows("IT-3", "A3", "D4", "RR-7", "C13")
def test_a_skipped_job_is_not_rerun_by_the_call_for_its_neighbour(stage: Stage, original: SeedOriginal) -> None:
    jobs = [JobSpec(id="flaky-unit", outcomes=lost()), JobSpec(id="compile", outcomes=broken())]
    stage.red(jobs, number=1)
    stage.red(jobs, number=2)
    assert actions(original.rerun_failed_jobs(1, "r"))["compile"] == "SKIP not_eligible"
    assert sorted(stage.effects[0]["ran"]) == ["compile", "flaky-unit"], "the seed's call takes every failed job"
    assert codes(stage.ask(2))["compile"] == "SKIP not_eligible"
    assert stage.effects[1]["ran"] == ["flaky-unit"]


@pytest.mark.shows("IT-3", "A4", "A6", "RR-1", "RR-3")
def test_a_check_is_charged_to_the_run_that_it_belongs_to(stage: Stage, original: SeedOriginal) -> None:
    red = stage.red([FLAKY])
    green = stage.red([JobSpec(id="docs")], path=".github/workflows/docs.yml")
    stage.repo.check_run(red.head_sha, "intermittent coverage", "codecov", "failure")
    answer = original.rerun_failed_jobs(1, "r")
    assert set(actions(answer)) == {"flaky-unit", "intermittent coverage"}
    assert stage.posts[-1]["path"].endswith(f"/runs/{green.id}/rerun-failed-jobs"), "the newest run, which is green"
    assert stage.effects == []
    ours = stage.ask()
    assert codes(ours) == {"flaky-unit": "RERUN infra_transient", "intermittent coverage": "SKIP not_github_actions"}
    assert job_of(ours, "flaky-unit")["runId"] == red.id
    assert [effect["runId"] for effect in stage.effects] == [str(red.id)]


@pytest.mark.shows("IT-3", "A5", "D1", "RR-8")
def test_neither_the_caller_nor_a_new_run_makes_a_fresh_budget(stage: Stage, original: SeedOriginal) -> None:
    first = stage.red([FLAKY])
    for n in range(4):
        original.rerun_failed_jobs(1, f"r{n}", max_attempts=50)
        stage.world.advance(600)
    assert len(stage.effects) == 4, "the seed's caller picks the limit"
    before = len(stage.effects)
    stage.red([FLAKY], number=2)
    for _ in range(4):
        stage.ask(2, max_attempts=5)
        stage.tick()
    again = stage.red([FLAKY], number=2)
    assert again.id != first.id
    for _ in range(3):
        last = stage.ask(2, run_id=again.id, max_attempts=5)
        stage.tick()
    assert len(stage.effects) - before == 2, "one head SHA, one budget, whatever the run and the caller say"
    assert codes(last) == {"flaky-unit": "BLOCKED max_attempts_exceeded"}


@pytest.mark.shows("IT-3", "A8", "LG-3")
def test_a_refused_request_is_no_attempt(stage: Stage, original: SeedOriginal) -> None:
    run = stage.red([FLAKY])
    for n in range(4):
        original.rerun_failed_jobs(1, f"r{n}", max_attempts=1)
        stage.world.advance(600)
    with opened(original.file) as database:
        assert original.get_attempt_count(database, 1, run.id, "flaky-unit") == 4, "three of them were refusals"
    stage.red([FLAKY], number=2)
    for _ in range(4):
        stage.ask(2, max_attempts=1)
        stage.tick()
    with opened(stage.path / "ledger.sqlite3") as database:
        counted = database.execute(
            "SELECT total_attempts, max_attempt_number FROM job_rerun_attempt_counts WHERE pr_number = 2"
        ).fetchall()
    assert [tuple(row) for row in counted] == [(1, 1)]


@pytest.mark.shows("IT-3", "A10", "RR-13")
def test_the_same_request_twice_is_one_attempt(stage: Stage, original: SeedOriginal) -> None:
    stage.red([FLAKY])
    for _ in range(2):
        original.rerun_failed_jobs(1, "same")
        stage.world.advance(600)
    assert len(stage.effects) == 2
    stage.red([FLAKY], number=2)
    answers = []
    for _ in range(2):
        answers.append(stage.ask(2, request_id="same"))
        stage.tick()
    assert answers[0] == answers[1]
    assert len(stage.effects) == 3


@pytest.mark.shows("IT-3", "C14", "D3", "RR-11")
@pytest.mark.parametrize(
    "name",
    ["network-lib-tests", "bench-1500-users", "randomized-tests", "trace-conditions-random", "timeout"],
)
def test_bare_words_prove_nothing(stage: Stage, original: SeedOriginal, name: str) -> None:
    """Neither in a job's name nor in a log line that happens to hold them."""
    stage.red([JobSpec(id=name, outcomes=broken())])
    assert actions(original.rerun_failed_jobs(1, "r"))[name].startswith("RERUN ")
    stage.world.advance(600)
    before = len(stage.effects)
    assert before == 1
    assert codes(stage.ask()) == {name: "SKIP not_eligible"}
    assert len(stage.effects) == before
