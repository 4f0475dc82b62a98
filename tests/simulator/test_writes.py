"""Pull requests, comments, labels and check runs that callers write; commits, refs and rules that they read."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cicatrix.simulator import SimRepository, SimulatorError, World

from .support import REPO, client, shop, world

ASK = {"head": "cicatrix/fix/1", "base": "main", "title": "Fix", "body": "text", "draft": True}


def stage() -> tuple[World, SimRepository, httpx.Client]:
    made = world()
    repo = shop(made)
    repo.branch("cicatrix/fix/1")
    return made, repo, client(made)


def test_a_draft_is_opened_and_told_in_full() -> None:
    made, repo, http = stage()
    repo.pull_request(4)
    answer = http.post(f"{REPO}/pulls", json=ASK, headers={"x-request-id": "op/1"})
    assert answer.status_code == 201
    tree = answer.json()
    assert (tree["number"], tree["draft"], tree["title"], tree["body"]) == (5, True, "Fix", "text")
    assert (tree["head"]["sha"], tree["merged"], tree["closed_at"]) == (repo.branch("cicatrix/fix/1"), False, None)
    listed = http.get(f"{REPO}/pulls", params={"head": "acme:cicatrix/fix/1", "state": "all"}).json()
    assert [p["number"] for p in listed] == [5]
    effect = made.history.effects[-1]
    assert (effect["kind"], effect["clientRequestId"], effect["detail"]["number"]) == ("create-pull", "op/1", 5)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"head": "gone"}, {"field": "head", "code": "invalid"}),
        ({"head": "someone:cicatrix/fix/1"}, {"field": "head", "code": "invalid"}),
        ({"base": "gone"}, {"field": "base", "code": "invalid"}),
        ({"title": ""}, {"field": "title", "code": "missing_field"}),
        ({"head": "main"}, {"message": "No commits between main and main", "code": "custom"}),
    ],
)
def test_a_pull_request_is_refused(change: dict[str, str], problem: dict[str, str]) -> None:
    made, _, http = stage()
    answer = http.post(f"{REPO}/pulls", json={**ASK, **change})
    assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert problem.items() <= answer.json()["errors"][0].items()
    assert not made.history.effects


def test_a_second_one_of_the_same_branch_is_refused_until_the_first_is_closed() -> None:
    made, _, http = stage()
    first = http.post(f"{REPO}/pulls", json=ASK).json()
    again = http.post(f"{REPO}/pulls", json=ASK)
    assert again.status_code == 422
    assert again.json()["errors"][0]["message"] == "A pull request already exists for acme:cicatrix/fix/1."
    closed = http.patch(f"{REPO}/pulls/{first['number']}", json={"state": "closed"}).json()
    assert (closed["state"], closed["closed_at"]) == ("closed", "2026-11-21T12:00:00Z")
    assert http.post(f"{REPO}/pulls", json=ASK).status_code == 201
    assert [e["kind"] for e in made.history.effects] == ["create-pull", "close-pull", "create-pull"]


def test_a_closed_one_keeps_its_head_and_may_be_opened_again() -> None:
    _, repo, http = stage()
    number = http.post(f"{REPO}/pulls", json=ASK).json()["number"]
    before = repo.branch("cicatrix/fix/1")
    http.patch(f"{REPO}/pulls/{number}", json={"state": "closed", "title": "Other"})
    after = repo.push("cicatrix/fix/1")
    closed = http.get(f"{REPO}/pulls/{number}").json()
    assert (closed["head"]["sha"], closed["title"]) == (before, "Other")
    assert http.patch(f"{REPO}/pulls/{number}", json={"state": "open"}).json()["head"]["sha"] == after


def test_actions_may_not_open_pull_requests_where_the_setting_is_off() -> None:
    made, repo, _ = stage()
    made.token("g", login="x", kind="actions", permissions={"pull_requests": "write", "contents": "read"})
    repo.actions_may_open_pulls = False
    refused = client(made, "g").post(f"{REPO}/pulls", json=ASK)
    assert refused.status_code == 403
    assert refused.json()["message"] == "GitHub Actions is not permitted to create or approve pull requests."
    repo.actions_may_open_pulls = True
    assert client(made, "g").post(f"{REPO}/pulls", json=ASK).status_code == 201


def test_a_merge_takes_the_sha_it_was_asked_for() -> None:
    made, repo, http = stage()
    pull = repo.pulls[http.post(f"{REPO}/pulls", json=ASK).json()["number"]]
    where = f"{REPO}/pulls/{pull.number}/merge"
    assert http.put(where, json={"sha": pull.head_sha}).json()["message"] == "Pull Request is still a draft"
    pull.draft = False
    mismatch = http.put(where, json={"sha": "f" * 40})
    assert (mismatch.status_code, "modified" in mismatch.json()["message"]) == (409, True)
    before = repo.branch("main")
    merged = http.put(where, json={"sha": pull.head_sha, "merge_method": "squash"})
    assert merged.json()["sha"] == repo.branch("main") != before
    assert http.put(where, json={}).status_code == 405
    shown = http.get(f"{REPO}/pulls/{pull.number}").json()
    assert (shown["merged"], shown["merged_by"]["login"]) == (True, "octocat")
    assert http.patch(f"{REPO}/pulls/{pull.number}", json={"state": "open"}).status_code == 422
    assert [e["kind"] for e in made.history.effects] == ["create-pull", "merge-pull"]


@pytest.mark.parametrize(
    ("rules", "part"),
    [({"merge_queue": True}, "merge queue"), ({"approvals": 1}, "At least 1 approving review")],
)
def test_rules_bind_a_merge_unless_they_are_bypassed(rules: dict[str, Any], part: str) -> None:
    made, repo, http = stage()
    pull = repo.pulls[http.post(f"{REPO}/pulls", json={**ASK, "draft": False}).json()["number"]]
    repo.protect("main", **rules)
    refused = http.put(f"{REPO}/pulls/{pull.number}/merge", json={})
    assert refused.status_code == 405
    assert part in refused.json()["message"]
    with pytest.raises(SimulatorError, match="not merged"):
        made.merge(pull)
    repo.protect("main", **rules, bypass=frozenset({"maintainer"}))
    assert made.merge(pull) == repo.branch("main")


def test_pull_requests_of_a_commit() -> None:
    made, _, http = stage()
    number = http.post(f"{REPO}/pulls", json={**ASK, "draft": False}).json()
    head = number["head"]["sha"]
    assert [p["number"] for p in http.get(f"{REPO}/commits/{head}/pulls").json()] == [number["number"]]
    merge = made.merge(made.repository("acme/shop").pulls[number["number"]])
    (found,) = http.get(f"{REPO}/commits/{merge}/pulls").json()
    assert found["merge_commit_sha"] == merge
    assert http.get(f"{REPO}/commits/{'0' * 40}/pulls").json() == []


def test_comments_are_made_changed_and_listed() -> None:
    made, repo, http = stage()
    repo.pull_request(1)
    first = http.post(f"{REPO}/issues/1/comments", json={"body": "one"})
    http.post(f"{REPO}/issues/1/comments", json={"body": "two"})
    assert first.status_code == 201
    changed = http.patch(f"{REPO}/issues/comments/{first.json()['id']}", json={"body": "1"})
    assert changed.json()["body"] == http.get(f"{REPO}/issues/comments/{first.json()['id']}").json()["body"] == "1"
    assert [c["body"] for c in http.get(f"{REPO}/issues/1/comments").json()] == ["1", "two"]
    assert http.get(f"{REPO}/pulls/1").json()["comments"] == 2
    assert http.post(f"{REPO}/issues/9/comments", json={"body": "x"}).status_code == 404
    assert http.patch(f"{REPO}/issues/comments/1", json={"body": "x"}).status_code == 404
    assert http.post(f"{REPO}/issues/1/comments", json={"body": " "}).status_code == 422
    assert http.post(f"{REPO}/issues/1/comments", json={"body": "x" * 65_537}).status_code == 422
    kinds = [e["kind"] for e in made.history.effects]
    assert kinds == ["create-comment", "create-comment", "update-comment"]


def test_a_stale_read_does_not_see_a_new_comment() -> None:
    made, repo, http = stage()
    repo.pull_request(1)
    made.faults.stale_for(60, "GET */comments")
    made.advance(1)
    http.post(f"{REPO}/issues/1/comments", json={"body": "one"})
    assert http.get(f"{REPO}/issues/1/comments").json() == []
    made.advance(61)
    assert len(http.get(f"{REPO}/issues/1/comments").json()) == 1


def test_labels_are_added_to_those_that_are_there() -> None:
    made, repo, http = stage()
    repo.pull_request(1).label("ready")
    added = http.post(f"{REPO}/issues/1/labels", json={"labels": ["security-improved", "ready"]})
    assert [label["name"] for label in added.json()] == ["ready", "security-improved"]
    assert http.get(f"{REPO}/issues/1/labels").json() == added.json()
    assert http.get(f"{REPO}/pulls/1").json()["labels"] == added.json()
    assert made.history.effects[-1]["detail"]["labels"] == ["security-improved", "ready"]


def test_either_right_is_enough_for_a_conversation() -> None:
    made, repo, _ = stage()
    repo.pull_request(1)
    for right in ("issues", "pull_requests"):
        made.token(right, login="bot", kind="actions", permissions={right: "write"})
        assert client(made, right).post(f"{REPO}/issues/1/comments", json={"body": "x"}).status_code == 201
    made.token("none", login="bot", kind="actions", permissions={"contents": "write"})
    refused = client(made, "none").post(f"{REPO}/issues/1/labels", json={"labels": ["x"]})
    assert refused.status_code == 403
    assert refused.headers["x-accepted-github-permissions"] == "issues=write; pull_requests=write"


def test_a_check_run_is_made_by_an_app_and_changed_by_it_alone() -> None:
    made, repo, http = stage()
    made.token("g", login="x", kind="actions", permissions={"checks": "write"})
    sha, bot = repo.branch("main"), client(made, "g")
    asked = {"name": "cicatrix", "head_sha": sha, "external_id": "op-3", "status": "in_progress"}
    assert "via a GitHub App" in http.post(f"{REPO}/check-runs", json=asked).json()["message"]
    check = bot.post(f"{REPO}/check-runs", json=asked)
    assert (check.status_code, check.json()["external_id"], check.json()["app"]["slug"]) == (
        201,
        "op-3",
        "github-actions",
    )
    where = f"{REPO}/check-runs/{check.json()['id']}"
    note = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "here"}
    output = {"title": "T", "summary": "S", "text": "X", "annotations": [note]}
    done = bot.patch(where, json={"status": "completed", "conclusion": "success", "output": output}).json()
    assert (done["status"], done["conclusion"], done["output"]["annotations_count"]) == ("completed", "success", 1)
    assert bot.get(f"{where}/annotations").json()[0]["message"] == "here"
    assert [c["id"] for c in bot.get(f"{REPO}/commits/{sha}/check-runs").json()["check_runs"]] == [done["id"]]
    repo.check_run(sha, "coverage", "codecov")
    foreign = bot.patch(f"{REPO}/check-runs/{repo.checks[-1].id}", json={"status": "in_progress"})
    assert "Invalid app_id" in foreign.json()["message"]
    assert [e["kind"] for e in made.history.effects] == ["create-check-run", "update-check-run"]


@pytest.mark.parametrize(
    "change",
    [
        {"head_sha": "f" * 40},
        {"name": ""},
        {"conclusion": "perfect"},
        {"status": "completed"},
        {"output": {"title": "T", "summary": ""}},
        {"output": {"title": "T", "summary": "x" * 65_536}},
        {"output": {"title": "T", "summary": "S", "annotations": [{}] * 51}},
    ],
)
def test_a_check_run_is_refused(change: dict[str, Any]) -> None:
    made, repo, _ = stage()
    made.on_exchange.clear()  # nonsense on purpose
    made.token("g", login="x", kind="actions", permissions={"checks": "write"})
    answer = client(made, "g").post(f"{REPO}/check-runs", json={"name": "c", "head_sha": repo.branch("main"), **change})
    assert answer.status_code == 422
    assert not repo.checks


def test_commits_and_refs_without_git() -> None:
    made, repo, http = stage()
    first = repo.branch("main")
    made.advance(60)
    second = repo.push("main")
    listed = http.get(f"{REPO}/commits", params={"sha": "main"}).json()
    assert [(c["sha"], [p["sha"] for p in c["parents"]]) for c in listed] == [(second, [first]), (first, [])]
    assert [c["sha"] for c in http.get(f"{REPO}/commits", params={"since": "2026-11-21T12:00:30Z"}).json()] == [second]
    assert http.get(f"{REPO}/commits/main").json()["sha"] == second
    assert http.get(f"{REPO}/commits/{'e' * 40}").status_code == 422
    assert http.get(f"{REPO}/commits", params={"sha": "gone"}).status_code == 404
    assert http.get(f"{REPO}/git/ref/heads/main").json()["object"]["sha"] == second
    assert http.get(f"{REPO}/git/ref/heads/gone").status_code == 404
    assert http.get(f"{REPO}/branches/main").json()["commit"]["parents"][0]["sha"] == first


RULES = {"pull_request": True, "approvals": 2, "signatures": True, "checks": ("build",)}


def test_classic_protection_is_no_rule_and_a_ruleset_no_protection() -> None:
    _, repo, http = stage()
    assert http.get(f"{REPO}/branches/main/protection").json()["message"] == "Branch not protected"
    assert http.get(f"{REPO}/branches/gone/protection").json()["message"] == "Branch not found"
    repo.protect("main", **RULES)
    classic = http.get(f"{REPO}/branches/main/protection").json()
    assert classic["required_pull_request_reviews"]["required_approving_review_count"] == 2
    assert classic["required_signatures"]["enabled"]
    assert classic["required_status_checks"]["contexts"] == ["build"]
    assert http.get(f"{REPO}/rules/branches/main").json() == []
    repo.protect("main", **RULES, merge_queue=True, ruleset=True)
    assert http.get(f"{REPO}/branches/main/protection").status_code == 404
    kinds = [rule["type"] for rule in http.get(f"{REPO}/rules/branches/main").json()]
    wanted = "deletion non_fast_forward required_signatures pull_request merge_queue required_status_checks"
    assert kinds == wanted.split()
    assert http.get(f"{REPO}/branches/main").json()["protected"]


def test_protection_is_for_administrators_and_rules_for_all() -> None:
    made, repo, _ = stage()
    repo.protect("main")
    made.token("r", login="bot", kind="actions", permissions={"contents": "read"})
    refused = client(made, "r").get(f"{REPO}/branches/main/protection")
    assert refused.headers["x-accepted-github-permissions"] == "administration=read"
    assert client(made, "r").get(f"{REPO}/rules/branches/main").status_code == 200


WRITES = [
    ("POST", "pulls", ASK),
    ("POST", "issues/1/comments", {"body": "x"}),
    ("POST", "issues/1/labels", {"labels": ["x"]}),
    ("PUT", "pulls/1/merge", {}),
    ("PATCH", "pulls/1", {"state": "closed"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_an_answer_lost_after_its_effect_has_the_effect_once(method: str, path: str, body: dict[str, Any]) -> None:
    made, repo, http = stage()
    repo.pull_request(1)
    made.faults.reset_after_effect(f"{method} *")
    with pytest.raises(httpx.ReadError):
        http.request(method, f"{REPO}/{path}", json=body)
    assert len(made.history.effects) == 1
    assert made.history.effects[0]["call"] == made.history.calls[-1]["seq"]
    made.faults.reset_before(f"{method} *")
    with pytest.raises(httpx.ReadError):
        http.request(method, f"{REPO}/{path}", json=body)
    assert len(made.history.effects) == 1


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_reader_may_write_nothing(method: str, path: str, body: dict[str, Any]) -> None:
    made, repo, _ = stage()
    repo.pull_request(1)
    made.token("r", login="bot", kind="actions", permissions={"contents": "read", "pull_requests": "read"})
    answer = client(made, "r").request(method, f"{REPO}/{path}", json=body)
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")
    assert not made.history.effects
