"""Every endpoint answers in the shape of GitHub's description: the judge of `conftest.py` looks at each exchange."""

from __future__ import annotations

import base64

import httpx
import pytest

from cicatrix.simulator import JobSpec, Outcome
from tests.judge import Judge
from tests.simulator.support import CI, REPO, client, failed_run, job_names, shop, world

JOBS = (
    JobSpec(id="build"),
    JobSpec(
        id="test",
        needs=["build"],
        matrix={"python": ["3.11", "3.12"], "os": ["ubuntu"]},
        matrix_outcomes={"3.11, ubuntu": [Outcome.failure("boom"), Outcome.success()]},
    ),
    JobSpec(id="lost", outcomes=[Outcome.lost_runner(), Outcome.success()]),
    JobSpec(id="nobody", outcomes=[Outcome.never_acquired(), Outcome.success()]),
    JobSpec(id="late", outcomes=[Outcome.timed_out(), Outcome.success()]),
    JobSpec(id="stopped", outcomes=[Outcome.cancelled()]),
    JobSpec(id="gate", needs=["test"], always=True),
    JobSpec(id="deploy", needs=["test"], environment="production"),
)


@pytest.mark.shows("F35")
def test_every_read_is_in_githubs_shape(judge: Judge) -> None:
    made = world()
    pull, run = failed_run(made, JOBS)
    repo = made.repository("acme/shop")
    repo.check_run(pull.head_sha, "coverage", "codecov")
    repo.check_run(pull.head_sha, "slow-scan", "scanner", None)
    lost = run.job("lost")
    before = judge.distinct
    with client(made) as http:
        for path in (
            "",
            "/pulls/1",
            "/pulls?state=all&per_page=10",
            "/actions/runs",
            f"/actions/runs?head_sha={run.head_sha}&per_page=100",
            "/actions/runs?event=pull_request&status=failure&branch=change&actor=contributor&created=%3E%3D2026-11-01",
            f"/actions/runs/{run.id}",
            f"/actions/runs/{run.id}/attempts/1",
            f"/actions/runs/{run.id}/attempts/1/jobs?per_page=100&page=1",
            f"/actions/runs/{run.id}/jobs?filter=all",
            f"/actions/runs/{run.id}/jobs?filter=latest",
            f"/actions/jobs/{lost.id}",
            "/actions/workflows",
            "/actions/workflows/ci.yml",
            f"/actions/workflows/{run.state.workflow_id}/runs?branch=change",
            f"/commits/{run.head_sha}/check-runs?per_page=100",
            f"/commits/{run.head_sha}/check-runs?filter=all&status=completed&check_name=lost",
            "/commits/heads%2Fmain/check-runs",
            f"/check-runs/{lost.check_run_id}",
            f"/check-runs/{lost.check_run_id}/annotations",
            f"/contents/{CI}?ref={run.head_sha}",
            "/contents/.github/workflows",
        ):
            answer = http.get(REPO + path)
            assert answer.status_code == 200, (path, answer.text)
        assert http.get("/user").json()["login"] == "octocat"
        assert http.get("/rate_limit").json()["rate"]["limit"] == 5000
        link = http.get(f"{REPO}/actions/jobs/{run.job('late').id}/logs")
        assert link.status_code == 302
    if judge.active:
        assert judge.distinct > before


def test_every_write_is_in_githubs_shape() -> None:
    made = world()
    _, run = failed_run(made, JOBS)
    with client(made) as http:
        answer = http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs", json={"enable_debug_logging": False})
        assert (answer.status_code, answer.json()) == (201, {})
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["status"] == "queued"
        made.advance(3)
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["status"] == "in_progress"
        assert http.get(f"{REPO}/actions/runs/{run.id}/jobs").json()["jobs"][0]["status"]
        assert http.post(f"{REPO}/actions/runs/{run.id}/cancel").status_code == 202
        assert http.post(f"{REPO}/actions/runs/{run.id}/cancel").status_code == 409
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["conclusion"] == "cancelled"
        assert http.post(f"{REPO}/actions/jobs/{run.job('lost').id}/rerun").status_code == 201
        run.finish()
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun").status_code == 201


def test_a_run_tells_its_attempts_and_who_asked_for_them() -> None:
    made = world()
    _, run = failed_run(made)
    made.human_reruns(run.id, login="maria")
    with client(made) as http:
        now = http.get(f"{REPO}/actions/runs/{run.id}").json()
        first = http.get(f"{REPO}/actions/runs/{run.id}/attempts/1").json()
    assert (now["run_attempt"], now["actor"]["login"], now["triggering_actor"]["login"]) == (2, "contributor", "maria")
    assert now["previous_attempt_url"].endswith(f"/actions/runs/{run.id}/attempts/1")
    assert (first["run_attempt"], first["previous_attempt_url"], first["conclusion"]) == (1, None, "failure")


def test_run_attempt_can_be_left_out() -> None:
    made = world(omit_run_attempt=True)
    _, run = failed_run(made)
    with client(made) as http:
        assert "run_attempt" not in http.get(f"{REPO}/actions/runs/{run.id}").json()


@pytest.mark.parametrize(("listing", "second"), [("copied", ["build", "test"]), ("absent", ["test"])])
@pytest.mark.shows("RR-9")
def test_untouched_jobs_are_copied_or_absent(listing: str, second: list[str]) -> None:
    made = world(listing=listing)
    jobs = [JobSpec(id="build"), JobSpec(id="test", needs=["build"], outcomes=[Outcome.failure("x")])]
    _, run = failed_run(made, jobs)
    made.human_reruns(run.id)
    run.finish()
    with client(made) as http:
        assert sorted(job_names(http, run, 2)) == second
        rows = http.get(f"{REPO}/actions/runs/{run.id}/jobs?filter=all").json()["jobs"]
    builds = [row for row in rows if row["name"] == "build"]
    assert len({row["started_at"] for row in builds}) == 1
    assert len({row["id"] for row in rows}) == len(rows)


def test_lists_come_in_pages_with_links_to_the_end() -> None:
    made = world()
    jobs = [JobSpec(id=f"job-{n:03}") for n in range(101)]
    _, run = failed_run(made, jobs)
    url: str | None = f"{REPO}/actions/runs/{run.id}/attempts/1/jobs?per_page=50"
    names: list[str] = []
    with client(made) as http:
        while url:
            answer = http.get(url)
            names += [job["name"] for job in answer.json()["jobs"]]
            assert answer.json()["total_count"] == 101
            url = answer.links.get("next", {}).get("url")
    assert names == [job.id for job in jobs]


def test_a_filtered_list_of_runs_ends_at_a_thousand() -> None:
    made = world()
    repo = shop(made, [JobSpec(id="test")])
    for _ in range(1001):
        repo.run(CI, branch="main", finished=True)
    with client(made) as http:
        seen = http.get(f"{REPO}/actions/runs?branch=main&per_page=100&page=10")
        assert seen.json()["total_count"] == 1001
        assert len(seen.json()["workflow_runs"]) == 100
        assert "next" not in seen.links
        assert len(http.get(f"{REPO}/actions/runs?per_page=100&page=11").json()["workflow_runs"]) == 1


@pytest.mark.parametrize(
    ("created", "seen"),
    [
        ("2026-11-20", 1),
        (">=2026-11-20", 2),
        (">2026-11-20", 1),
        ("<2026-11-21", 1),
        ("2026-11-20..2026-11-20", 1),
        ("2026-11-01..*", 2),
    ],
)
def test_runs_are_found_by_date(created: str, seen: int) -> None:
    made = world()
    repo = shop(made, [JobSpec(id="test")])
    repo.run(CI, branch="main", created_at=made.now.replace(day=20))
    repo.run(CI, branch="main")
    with client(made) as http:
        assert http.get(f"{REPO}/actions/runs", params={"created": created}).json()["total_count"] == seen


def test_an_unchanged_answer_is_a_304_and_costs_nothing() -> None:
    made = world()
    failed_run(made)
    with client(made) as http:
        first = http.get(f"{REPO}/contents/{CI}")
        used = first.headers["x-ratelimit-used"]
        again = http.get(f"{REPO}/contents/{CI}", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["x-ratelimit-used"]) == (304, b"", used)
        made.repository("acme/shop").file(CI, "on: push\n")
        changed = http.get(f"{REPO}/contents/{CI}", headers={"if-none-match": first.headers["etag"]})
    assert base64.b64decode(changed.json()["content"]) == b"on: push\n"


def test_files_are_found_by_branch_and_sha() -> None:
    made = world()
    repo = shop(made)
    repo.file("policy.yml", "main\n", ref="main")
    repo.file("policy.yml", "other\n", ref="f" * 40)
    with client(made) as http:

        def read(ref: str | None) -> str:
            answer = http.get(f"{REPO}/contents/policy.yml", params={"ref": ref} if ref else {})
            return base64.b64decode(answer.json()["content"]).decode() if answer.status_code == 200 else "none"

        assert [read(None), read("main"), read("f" * 40), read("e" * 40)] == ["main\n", "main\n", "other\n", "none"]


def test_logs_come_by_redirect_from_another_host_for_one_minute() -> None:
    made = world()
    _, run = failed_run(made, [JobSpec(id="test", outcomes=[Outcome.failure("boom", step="Install dependencies")])])
    with client(made) as http, httpx.Client(transport=http._transport) as stranger:
        link = http.get(f"{REPO}/actions/jobs/{run.job('test').id}/logs").headers["location"]
        log = stranger.get(link).text
        assert "boom" in log
        assert log.index("Install dependencies") < log.index("boom") < log.index("##[error]Process completed")
        assert "Run tests" not in log
        assert http.get(link).status_code == 400
        assert made.history.calls[-1]["authorization"] is True
        made.advance(61)
        assert stranger.get(link).status_code == 403
        assert stranger.get(link.replace("sig=", "sig=0")).status_code == 403


def test_a_big_log_is_streamed() -> None:
    made = world()
    _, run = failed_run(made, [JobSpec(id="test", outcomes=[Outcome.failure(log_size=3_000_000)])])
    with client(made) as http, httpx.Client(transport=http._transport) as stranger:
        link = http.get(f"{REPO}/actions/jobs/{run.job('test').id}/logs").headers["location"]
        with stranger.stream("GET", link) as answer:
            assert sum(len(chunk) for chunk in answer.iter_bytes()) == 3_000_000


def test_pull_requests_of_forks_are_not_listed_on_runs() -> None:
    made = world()
    repo = shop(made)
    pull = repo.pull_request(7, fork=True, author="stranger")
    run = repo.run(CI, pull_request=pull, finished=True)
    gone = repo.run(CI, pull_request=repo.pull_request(8, fork_deleted=True), finished=True)
    with client(made) as http:
        tree = http.get(f"{REPO}/actions/runs/{run.id}").json()
        assert (tree["pull_requests"], tree["head_repository"]["full_name"]) == ([], "stranger/shop")
        assert http.get(f"{REPO}/pulls/7").json()["head"]["repo"]["full_name"] == "stranger/shop"
        assert http.get(f"{REPO}/actions/runs/{gone.id}").json()["head_repository"] is None
        assert http.get(f"{REPO}/pulls/8").json()["head"]["repo"] is None


def test_a_pull_request_shows_push_close_and_auto_merge() -> None:
    made = world()
    repo = shop(made)
    pull = repo.pull_request(3, auto_merge=True)
    old = pull.head_sha
    made.faults.stale_for(5, count=1)
    new = repo.push(pull)
    made.advance(3)
    with client(made) as http:
        assert http.get(f"{REPO}/pulls/3").json()["head"]["sha"] == old
        tree = http.get(f"{REPO}/pulls/3").json()
        assert (tree["head"]["sha"], tree["auto_merge"]["merge_method"], old != new) == (new, "squash", True)
        made.faults.stale_for(5, count=1)
        assert http.get(f"{REPO}/pulls/3").json()["head"]["sha"] == new
        pull.close()
        assert http.get(f"{REPO}/pulls/3").json()["state"] == "closed"
