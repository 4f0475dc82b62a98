"""Reads of remedy, validation and rollback: what they ask, what they make of the answer, where they say "unknown"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from cicatrix.core.facts import Artifact, BranchRule, Commit
from cicatrix.github import GitHub, Host, NotSent, Refused, TokenCredentials, Unanswered
from tests.github.far_side import SHA, START, TOKEN, Clock, Script, answer, client, pull_request, run
from tests.github.test_credentials import Apps, app, narrowed
from tests.judge import Judge

OTHER = "b" * 40
Read = Callable[[GitHub], object]


def listed(item: dict[str, Any], name: str | None = None) -> Any:
    return [item] if name is None else {"total_count": 1, name: [item]}


COMMIT = {
    "sha": SHA.upper(),
    "parents": [{"sha": OTHER}, {"sha": "c" * 40}],
    "commit": {"author": {"date": "2026-11-20T10:00:00Z"}, "committer": {"date": "2026-11-20T11:00:00+01:00"}},
}
ARTIFACT = {"id": 61, "name": "validation", "size_in_bytes": 812, "expired": False}
COMMENT = {"id": 41, "body": "text", "user": {"id": 7, "login": "mona"}, "created_at": "2026-11-20T10:00:00Z"}
RULE = {"type": "pull_request", "ruleset_id": 3, "parameters": {"required_approving_review_count": 1}}

READS: dict[str, tuple[Read, Any, str]] = {
    "pulls_of_head": (
        lambda g: g.pulls_of_head("o", "r", "fix"),
        listed(pull_request()),
        "/repos/o/r/pulls?state=all&head=o%3Afix&per_page=100",
    ),
    "pulls_of_commit": (
        lambda g: g.pulls_of_commit("o", "r", SHA),
        listed(pull_request()),
        f"/repos/o/r/commits/{SHA}/pulls?per_page=100",
    ),
    "comments": (
        lambda g: g.comments("o", "r", 4),
        listed(COMMENT),
        "/repos/o/r/issues/4/comments?per_page=100",
    ),
    "branch_rules": (
        lambda g: g.branch_rules("o", "r", "release/1"),
        listed(RULE),
        "/repos/o/r/rules/branches/release%2F1?per_page=100",
    ),
    "commits": (
        lambda g: g.commits("o", "r", SHA, 5),
        listed(COMMIT),
        f"/repos/o/r/commits?sha={SHA}&per_page=5",
    ),
    "runs_since": (
        lambda g: g.runs_since("o", "r", "repository_dispatch", START),
        listed(run(event="repository_dispatch", created_at="2026-11-21T12:00:00Z"), "workflow_runs"),
        "/repos/o/r/actions/runs?event=repository_dispatch&created=%3E%3D2026-11-21T12%3A00%3A00Z&per_page=100",
    ),
    "artifacts": (
        lambda g: g.artifacts("o", "r", "1"),
        listed(ARTIFACT, "artifacts"),
        "/repos/o/r/actions/runs/1/artifacts?per_page=100",
    ),
}


@pytest.mark.parametrize(("read", "tree", "target"), READS.values(), ids=READS)
def test_a_listing_is_asked_for_as_github_describes_it(read: Read, tree: Any, target: str, judge: Judge) -> None:
    far = Script([answer(tree)])
    found: Any = read(client(far))
    assert (len(found.items), found.incomplete) == (1, None)
    (request,) = far.asked
    assert request.url.raw_path.decode() == target
    path, _, query = target.partition("?")
    judge.observe(
        "GET",
        path,
        query,
        request_headers=request.headers,
        request_body=b"",
        status=0,
        headers={},
        body=b"",
        fault=True,  # the answer is this test's own; the request is judged all the same
    )


@pytest.mark.shows("F15", "RR-15")
@pytest.mark.parametrize(("read", "tree", "target"), READS.values(), ids=READS)
def test_a_listing_that_repeats_itself_is_incomplete(read: Read, tree: Any, target: str) -> None:
    more = {"Link": f'<https://api.github.com{target}&page=2>; rel="next"'}
    found: Any = read(client(Script([answer(tree, 200, more), answer(tree)])))
    assert found.incomplete is not None


def test_a_pull_request_says_whether_it_was_merged_and_as_what() -> None:
    merged = pull_request(merged_at="2026-11-20T10:00:00Z", merge_commit_sha=OTHER.upper(), state="closed")
    (found,) = client(Script([answer([merged])])).pulls_of_commit("o", "r", OTHER).items
    assert (found.merged_at, found.merge_commit_sha) == (datetime(2026, 11, 20, 10, tzinfo=UTC), OTHER)
    (still,) = client(Script([answer([pull_request(merged_at=None)])])).pulls_of_commit("o", "r", OTHER).items
    assert (still.merged_at, still.merge_commit_sha) == (None, None)


def test_a_host_that_passes_over_the_filter_by_branch_is_noticed() -> None:
    found = client(Script([answer([pull_request(4), pull_request(5)])])).pulls_of_head("o", "r", "cicatrix/fix/1")
    assert "filter" in (found.incomplete or "")


def test_comments_of_lost_accounts_and_without_text_are_tolerated() -> None:
    rows = [{**COMMENT, "user": None, "body": None}, {**COMMENT, "id": 42, "updated_at": "2026-11-20T10:00:01Z"}]
    lost, known = client(Script([answer(rows)])).comments("o", "r", 4).items
    assert (lost.author, lost.author_id, lost.body, lost.updated_at) == (None, None, "", None)
    assert (known.id, known.author, known.author_id, known.body) == ("42", "mona", "7", "text")
    with pytest.raises(Unanswered):
        client(Script([answer([{"body": "no id"}])])).comments("o", "r", 4)


def test_rules_of_a_branch_keep_what_we_do_not_know() -> None:
    found = client(Script([answer([RULE, {"type": "novel_rule"}])])).branch_rules("o", "r", "main")
    assert found.items == (
        BranchRule(type="pull_request", ruleset_id="3", parameters={"required_approving_review_count": 1}),
        BranchRule(type="novel_rule", ruleset_id=""),
    )


PROTECTED = {
    "required_pull_request_reviews": {"required_approving_review_count": 1},
    "required_status_checks": {"contexts": ["test"], "checks": [{"context": "test"}, {"context": "lint"}]},
    "enforce_admins": {"enabled": True},
    "required_signatures": {"enabled": False},
    "lock_branch": {"enabled": True},
}


@pytest.mark.shows("F25")
def test_the_protection_of_a_branch() -> None:
    found = client(Script([answer(PROTECTED)])).protection("o", "r", "main")
    assert found not in (None, "unknown")
    assert not isinstance(found, str)
    assert found is not None
    assert (found.pull_request_reviews, found.status_checks, found.enforce_admins) == (True, ("test", "lint"), True)
    assert (found.restricted, found.linear_history, found.signatures, found.locked) == (False, False, False, True)


@pytest.mark.parametrize(
    ("status", "message", "found"),
    [
        (404, "Branch not protected", None),
        (404, "Not Found", "unknown"),
        (403, "Resource not accessible by integration", "unknown"),
        (403, "Upgrade to GitHub Pro or make this repository public to enable this feature.", "unknown"),
    ],
)
def test_only_githubs_own_words_say_that_a_branch_is_not_protected(status: int, message: str, found: object) -> None:
    assert client(Script([answer({"message": message}, status)])).protection("o", "r", "main") == found


@pytest.mark.shows("AU-3", "T15")
def test_an_app_that_may_not_read_protection_does_not_know_it() -> None:
    clock = Clock()
    apps = Apps(clock)
    github = client(apps, clock=clock, credentials=app())
    github.run("o", "r", "1")
    apps.mint_fault = [answer({"message": "The permissions requested are not granted"}, 422)]
    assert github.protection("o", "r", "main") == "unknown"
    assert {"administration": "read"} not in [body["permissions"] for body in narrowed(apps)]
    with pytest.raises(Refused):
        client(Script([answer({"message": "Bad credentials"}, 401)])).protection("o", "r", "main")


def test_commits_tell_their_parents_in_order() -> None:
    found = client(Script([answer([COMMIT, {"sha": OTHER, "parents": []}])])).commits("o", "r", SHA, 5)
    assert found.items == (
        Commit(
            sha=SHA,
            parents=(OTHER, "c" * 40),
            authored_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
            committed_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        ),
        Commit(sha=OTHER, parents=(), authored_at=None, committed_at=None),
    )
    with pytest.raises(Unanswered):
        client(Script([answer([{"sha": SHA}])])).commits("o", "r", SHA, 5)
    with pytest.raises(NotSent):
        client(Script([answer([])])).commits("o", "r", "main", 5)


def test_the_newest_commits_are_what_was_asked_for_though_there_are_more() -> None:
    more = {"Link": '<https://api.github.com/repos/o/r/commits?page=2>; rel="next"'}
    rows = [{"sha": f"{n:040x}", "parents": []} for n in range(3)]
    far = Script([answer(rows, 200, more)])
    found = client(far).commits("o", "r", SHA, 3)
    assert (len(found.items), found.incomplete, len(far.asked)) == (3, None, 1)
    twice = client(Script([answer([rows[0], rows[0]])])).commits("o", "r", SHA, 3)
    assert twice.incomplete is not None


@pytest.mark.shows("RD-3")
def test_runs_since_are_of_that_event_and_not_older_by_the_second() -> None:
    def made(number: int, at: str, event: str = "repository_dispatch") -> dict[str, Any]:
        return run(number, created_at=at, event=event, display_title=f"check op-{number}")

    rows = [made(3, "2026-11-21T12:00:01Z"), made(2, "2026-11-21T12:00:00Z"), made(1, "2026-11-21T11:59:59Z")]
    rows.append(made(4, "2026-11-21T13:00:00Z", event="push"))
    far = Script([answer({"total_count": 4, "workflow_runs": rows})])
    since = (START + timedelta(milliseconds=400)).astimezone(timezone(timedelta(hours=2)))
    found = client(far).runs_since("o", "r", "repository_dispatch", since)
    assert [item.display_title for item in found.items] == ["check op-3", "check op-2"]
    assert far.asked[0].url.params["created"] == ">=2026-11-21T12:00:00Z"
    assert client(Script([answer(run())])).run("o", "r", "1").display_title == ""


# --- artifacts ---

LINK = "https://productionresultssa0.blob.core.windows.net/a.zip?sig=k3y"


def store(*answers: httpx.Response, location: str = LINK) -> tuple[list[httpx.Request], Callable[..., httpx.Response]]:
    asked: list[httpx.Request] = []

    def far(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "api.github.com":
            return httpx.Response(302, headers={"Location": location})
        return answers[min(sum(r.url.host != "api.github.com" for r in asked), len(answers)) - 1]

    return asked, far


def test_artifacts_of_a_run() -> None:
    found = client(Script([answer(listed(ARTIFACT, "artifacts"))])).artifacts("o", "r", "1")
    assert found.items == (Artifact(id="61", name="validation", size=812, expired=False),)
    with pytest.raises(Unanswered):
        client(Script([answer(listed({"id": 1, "size_in_bytes": 1}, "artifacts"))])).artifacts("o", "r", "1")


@pytest.mark.shows("T13")
def test_an_archive_is_fetched_without_our_token() -> None:
    body = bytes(range(256)) * 4_000  # over a block, with line feeds at odd places
    asked, far = store(httpx.Response(200, content=body))
    assert client(far).artifact("o", "r", "61", limit=len(body)) == body
    api, link = asked
    assert api.url.path == "/repos/o/r/actions/artifacts/61/zip"
    assert api.headers["authorization"] == f"Bearer {TOKEN}"
    assert "authorization" not in link.headers
    assert TOKEN not in repr(link.headers.raw)


@pytest.mark.shows("T13")
@pytest.mark.parametrize("location", ["https://169.254.169.254/x", "https://example.org/x", "file:///etc/passwd", ""])
def test_an_archive_from_anywhere_else_is_not_fetched(location: str) -> None:
    asked, far = store(httpx.Response(200, content=b"secret"), location=location)
    with pytest.raises(Unanswered, match="host_refused"):
        client(far).artifact("o", "r", "61", limit=100)
    assert len(asked) == 1


@pytest.mark.shows("T11")
def test_an_archive_longer_than_allowed_is_not_read_to_its_end() -> None:
    sent: list[int] = []

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            for _ in range(1_000):
                sent.append(1)
                yield b"x" * 1_000

    _, far = store(httpx.Response(200, stream=Endless()))
    with pytest.raises(Unanswered, match="longer than 5000 bytes"):
        client(far).artifact("o", "r", "61", limit=5_000)
    assert len(sent) == 6
    _, just = store(httpx.Response(200, content=b"x" * 5_000))
    assert len(client(just).artifact("o", "r", "61", limit=5_000)) == 5_000


@pytest.mark.parametrize("status", [404, 410])
def test_an_archive_that_is_gone_is_refused(status: int) -> None:
    with pytest.raises(Refused) as caught:
        client(Script([answer({"message": "gone"}, status)])).artifact("o", "r", "61", limit=100)
    assert caught.value.status == status


def test_a_download_that_breaks_gives_no_half_archive() -> None:
    _, far = store(httpx.Response(503))
    with pytest.raises(Unanswered, match="unreadable"):
        client(far).artifact("o", "r", "61", limit=100)


# --- where git goes, and how long the token lives ---


def test_git_clones_from_the_web_host() -> None:
    assert client(Script([])).clone_url("o", "r.x") == "https://github.com/o/r.x.git"
    server = Host(name="ghe", api_url="https://ghe.example/api/v3", web_url="https://ghe.example")
    assert client(Script([]), host=server).clone_url("o", "r") == "https://ghe.example/o/r.git"
    loopback = Host(name="sim", api_url="http://127.0.0.1:8000", allow_http=True)
    assert client(Script([]), host=loopback).clone_url("o", "r") == "http://127.0.0.1:8000/o/r.git"
    with pytest.raises(NotSent):
        client(Script([])).clone_url("o/..", "r")


@pytest.mark.parametrize("web", ["http://github.com", "ssh://github.com", "https://u:p@github.com", "/etc/x"])
def test_git_is_given_no_token_for_an_unsafe_place(web: str) -> None:
    with pytest.raises(NotSent, match="no place to clone from"):
        client(Script([]), host=Host(web_url=web)).clone_url("o", "r")


def test_without_credentials_there_is_no_token_to_push_with() -> None:
    clock = Clock()
    github = GitHub(Host(), None, now=clock.now, sleep=clock.sleep, jitter=lambda: 0.5)
    assert github.push_token("o", "r", workflows=False) is None


@pytest.mark.shows("TK-3")
@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2027-02-19 08:56:56 UTC", datetime(2027, 2, 19, 8, 56, 56, tzinfo=UTC)),
        ("2027-02-19 08:56:56 -0500", datetime(2027, 2, 19, 13, 56, 56, tzinfo=UTC)),
        ("2027-02-30 08:56:56 UTC", None),
        ("soon", None),
        ("9999-12-31 23:59:59 -1200", None),
    ],
)
def test_the_end_of_a_token_is_what_the_last_answer_said(text: str, end: datetime | None) -> None:
    header = "GitHub-Authentication-Token-Expiration"
    far = Script([answer(run(), 200, {header: "2026-12-01 00:00:00 UTC"}), answer(run(), 200, {header: text})])
    github = client(far, credentials=TokenCredentials(TOKEN))
    assert github.token_expiry() is None
    github.run("o", "r", "1")
    assert github.token_expiry() == datetime(2026, 12, 1, tzinfo=UTC)
    github.run("o", "r", "1")
    assert github.token_expiry() == end
