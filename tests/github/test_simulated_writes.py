"""The client's writes against the simulated GitHub: what they do there, and how each is found again by reading."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cicatrix.core.operations import Kind
from cicatrix.github import AppCredentials, Credentials, Refused, TokenCredentials, Unanswered
from cicatrix.github.archives import read_member
from cicatrix.simulator import JobSpec, SimRepository, World, zipped
from tests.github.all_writes import SMALL_CHECK, receipt
from tests.github.far_side import START
from tests.github.test_simulated import PRIVATE, PUBLIC, client

CHECK = ".github/workflows/post-remediation-check.yml"
FILE = """\
name: post-remediation-check
run-name: check ${{ github.event.client_payload.cicatrix.op_id || inputs.op_id }}
on:
  repository_dispatch:
    types: [post-remediation-check]
  workflow_dispatch:
    inputs:
      op_id: {type: string}
jobs:
  validate:
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
"""
NEEDED = {
    "metadata": "read", "actions": "write", "checks": "write", "contents": "write", "pull_requests": "write",
    "administration": "read",
}  # fmt: skip
APP = AppCredentials(12, PRIVATE)
ALL = [TokenCredentials("ghp_person"), APP]
PAYLOAD = {"cicatrix": {"op_id": "op-1"}}
who = pytest.mark.parametrize("credentials", ALL, ids=["token", "app"])


def shop() -> tuple[World, SimRepository]:
    made = World(now=START)
    made.token("ghp_person", login="octocat")
    made.app(app_id=12, slug="cicatrix-ci", public_key_pem=PUBLIC, permissions=NEEDED)
    repo = made.repository("acme/shop")
    repo.workflow(CHECK, [JobSpec(id="validate")], text=FILE)
    return made, repo


@pytest.mark.shows("RD-3")
@who
def test_a_dispatched_run_is_found_by_its_name_or_its_id(credentials: Credentials) -> None:
    made, repo = shop()
    github = client(made, credentials)
    github.repository_dispatch("acme", "shop", "post-remediation-check", PAYLOAD, receipt=receipt(Kind.DISPATCH))
    (run,) = github.runs_since("acme", "shop", "repository_dispatch", START).items
    assert (run.display_title, run.head_sha, run.status) == ("check op-1", repo.branch("main"), "queued")
    sent = github.workflow_dispatch(
        "acme", "shop", "post-remediation-check.yml", "main", {"op_id": "op-2"}, receipt=receipt(Kind.DISPATCH)
    )
    found = github.run("acme", "shop", str(sent.data["runId"]))
    assert (found.display_title, found.event) == ("check op-2", "workflow_dispatch")
    made.advance(1)
    assert github.runs_since("acme", "shop", "repository_dispatch", made.now).items == ()


@pytest.mark.shows("T13")
@who
def test_the_report_of_a_run_comes_back_in_an_artifact(credentials: Credentials) -> None:
    made, _ = shop()
    github = client(made, credentials)
    github.repository_dispatch("acme", "shop", "post-remediation-check", PAYLOAD, receipt=receipt(Kind.DISPATCH))
    run = made.dispatched[0].run
    made.start(run)
    made.finish(run, "success", artifacts={"validation": zipped({"report.json": b"{}"})})
    (artifact,) = github.artifacts("acme", "shop", str(run.id)).items
    archive = github.artifact("acme", "shop", artifact.id, limit=10_000)
    assert (artifact.name, len(archive)) == ("validation", artifact.size)
    assert read_member(archive, "report.json", 1_000) == b"{}"


@who
def test_a_pull_request_its_comment_labels_and_end(credentials: Credentials) -> None:
    made, repo = shop()
    repo.branch("main")
    repo.push("cicatrix/fix/1")
    github = client(made, credentials)
    opened = github.create_pull(
        "acme", "shop", head="cicatrix/fix/1", base="main", title="Fix", body="b", receipt=receipt(Kind.PULL_REQUEST)
    )
    number = opened.data["number"]
    assert isinstance(number, int)
    with pytest.raises(Refused) as there:
        github.create_pull(
            "acme", "shop", head="cicatrix/fix/1", base="main", title="F", body="b", receipt=receipt(Kind.PULL_REQUEST)
        )
    assert there.value.status == 422
    assert "already exists" in there.value.message
    (pull,) = github.pulls_of_head("acme", "shop", "cicatrix/fix/1").items
    assert (pull.number, pull.draft, pull.state, pull.head_sha) == (number, True, "open", opened.data["headSha"])
    assert [p.number for p in github.pulls_of_commit("acme", "shop", pull.head_sha).items] == [number]
    said = github.create_comment("acme", "shop", number, "first", receipt=receipt(Kind.COMMENT))
    github.update_comment("acme", "shop", str(said.data["commentId"]), "second", receipt=receipt(Kind.COMMENT))
    (comment,) = github.comments("acme", "shop", number).items
    assert (comment.id, comment.body, comment.author) == (said.data["commentId"], "second", github.identity().login)
    github.add_labels("acme", "shop", number, ["security-improved"], receipt=receipt(Kind.LABEL))
    assert github.pull_request("acme", "shop", number).labels == ("security-improved",)
    closed = github.close_pull("acme", "shop", number, receipt=receipt(Kind.PULL_REQUEST))
    assert closed.data["state"] == "closed"
    assert github.pull_request("acme", "shop", number).merged_at is None


def test_a_check_run_is_found_by_the_operations_id() -> None:
    made, repo = shop()
    github = client(made, APP)
    sha = repo.branch("main")
    made_run = github.create_check_run("acme", "shop", sha, **SMALL_CHECK, receipt=receipt(Kind.CHECK_RUN))
    changed = {**SMALL_CHECK, "conclusion": "success", "title": "Health 91"}
    check_id = str(made_run.data["checkRunId"])
    github.update_check_run("acme", "shop", check_id, **changed, receipt=receipt(Kind.CHECK_RUN))
    (check,) = [c for c in github.check_runs("acme", "shop", sha).items if c.external_id == "op-1"]
    assert (check.id, check.conclusion, check.title, check.app_slug) == (
        check_id,
        "success",
        "Health 91",
        "cicatrix-ci",
    )


@pytest.mark.shows("RD-1", "RD-6", "D7")
def test_a_workflows_token_without_the_permission_is_refused_and_says_which() -> None:
    made, _ = shop()
    made.token("ghs_run", login="", kind="actions", permissions={"contents": "read", "metadata": "read"})
    with pytest.raises(Refused) as no:
        client(made, TokenCredentials("ghs_run")).repository_dispatch(
            "acme", "shop", "post-remediation-check", PAYLOAD, receipt=receipt(Kind.DISPATCH)
        )
    assert (no.value.status, no.value.permission_missing) == (403, True)
    assert no.value.accepted_permissions == "contents=write"
    assert not made.dispatched


@pytest.mark.shows("F2", "RD-6")
@pytest.mark.parametrize("fault", ["answer_502_after_effect", "reset_after_effect"])
def test_a_dispatch_whose_answer_is_lost_is_sent_once_and_found(fault: str) -> None:
    made, _ = shop()
    getattr(made.faults, fault)("*dispatches*")
    github = client(made)
    with pytest.raises(Unanswered):
        github.repository_dispatch("acme", "shop", "post-remediation-check", PAYLOAD, receipt=receipt(Kind.DISPATCH))
    assert len(made.dispatched) == 1
    found = github.runs_since("acme", "shop", "repository_dispatch", START - timedelta(seconds=1)).items
    assert [run.display_title for run in found] == ["check op-1"]


@who
def test_history_rules_and_protection_of_a_branch(credentials: Credentials) -> None:
    made, repo = shop()
    first = repo.branch("main")
    made.advance(60)
    second = repo.push("main")
    github = client(made, credentials)
    newest, older = github.commits("acme", "shop", second, 10).items
    assert (newest.sha, newest.parents, older.sha, older.parents) == (second, (first,), first, ())
    assert github.protection("acme", "shop", "main") is None
    assert github.branch_rules("acme", "shop", "main").items == ()
    repo.protect("main", pull_request=True)
    protection = github.protection("acme", "shop", "main")
    assert protection is not None
    assert protection != "unknown"
    assert protection.pull_request_reviews
