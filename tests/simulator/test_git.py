"""A bare repository behind the simulated GitHub: pushes by real git over HTTP, its rules, its faults, its record."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from cicatrix.simulator import SimGit, SimRepository, SimulatorError, World
from cicatrix.simulator.git_remote import GitRemote, serve_git
from cicatrix.simulator.server import serve

from .support import REPO, client, world
from .test_dispatch import ASK, TEXT

HEAD = "refs/heads/main"
RECHECK = ".github/workflows/recheck.yml"


class Stage:
    """A world, an attached repository, and a clone from which real git pushes."""

    def __init__(self, folder: Path) -> None:
        self.world = world()
        self.world.token("few", login="x", kind="actions", permissions={"contents": "write", "metadata": "read"})
        self.world.token("reader", login="x", kind="actions", permissions={"contents": "read"})
        self.repo: SimRepository = self.world.repository("acme/shop")
        self.repo.file("README.md", "hello\n")
        self.git: SimGit = self.repo.attach_git(folder / "shop.git")
        self.remote: GitRemote = serve_git(self.world)
        self.folder = folder

    def run(self, *arguments: str, token: str = "t", ok: bool = True) -> str:
        clone = self.folder / "clone"
        done = subprocess.run(
            ["git", *arguments],
            cwd=clone if clone.is_dir() else self.folder,
            env={**QUIET, "PATH": os.environ["PATH"], "HOME": str(self.folder), **_header(token)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode == 0) is ok, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout + done.stderr

    @property
    def url(self) -> str:
        return f"{self.remote.url}/acme/shop.git"

    def clone(self) -> None:
        self.run("clone", "-q", self.url, "clone")

    def write(self, files: Mapping[str, str | bytes], message: str = "Change") -> str:
        for path, text in files.items():
            place = self.folder / "clone" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.encode() if isinstance(text, str) else text)
        self.run("add", ".")
        self.run("commit", "-q", "-m", message)
        return self.run("rev-parse", "HEAD").strip()

    @property
    def pushes(self) -> list[dict[str, Any]]:
        return [e for e in self.world.history.effects if e["kind"] == "push"]


QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Cat",
    "GIT_AUTHOR_EMAIL": "cat@example.com",
    "GIT_COMMITTER_NAME": "Cat",
    "GIT_COMMITTER_EMAIL": "cat@example.com",
    "GIT_AUTHOR_DATE": "2026-11-21T12:00:00Z",
    "GIT_COMMITTER_DATE": "2026-11-21T12:00:00Z",
}


def _header(token: str) -> dict[str, str]:
    if not token:
        return {}
    headers = ("X-Request-Id: op-5/1", f"Authorization: Bearer {token}")
    named = {f"GIT_CONFIG_KEY_{n}": "http.extraHeader" for n in range(2)}
    return {"GIT_CONFIG_COUNT": "2", **named, **{f"GIT_CONFIG_VALUE_{n}": h for n, h in enumerate(headers)}}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.world.close_git()


# --- who may read and push ---


def test_a_push_moves_the_branch_and_is_recorded_with_its_mark(stage: Stage) -> None:
    stage.clone()
    before = stage.repo.branch("main")
    sha = stage.write({"a.txt": "a"})
    stage.run("push", "-q", "origin", "HEAD:main")
    (push,) = stage.pushes
    assert push["detail"] == {"ref": HEAD, "old": before, "new": sha, "forced": False}
    assert (push["login"], push["clientRequestId"], push["headSha"]) == ("octocat", "op-5/1", sha)
    assert client(stage.world).get(f"{REPO}/branches/main").json()["commit"]["sha"] == sha


def test_a_token_by_basic_authentication_is_taken_too(stage: Stage) -> None:
    stage.clone()
    stage.write({"a.txt": "a"})
    stage.run("push", "-q", stage.url.replace("//", "//x-access-token:t@"), "HEAD:main", token="")
    assert len(stage.pushes) == 1


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("wrong", "could not read Username"),
        ("", "could not read Username"),
        ("reader", "Permission to acme/shop.git denied to github-actions[bot]."),
    ],
)
def test_a_push_without_the_right_is_refused(stage: Stage, token: str, said: str) -> None:
    stage.clone()
    stage.write({"a.txt": "a"})
    assert said in stage.run("push", "origin", "HEAD:main", token=token, ok=False)
    assert not stage.pushes


def test_everybody_reads_a_public_repository_and_nobody_a_private_one(stage: Stage) -> None:
    stage.run("ls-remote", stage.url, token="")
    stage.repo.private = True
    stage.run("ls-remote", stage.url, token="", ok=False)
    stage.run("ls-remote", stage.url)
    assert "not found" in stage.run("ls-remote", f"{stage.remote.url}/acme/none.git", ok=False)
    stage.world.token("else", login="x", kind="actions", repositories=["acme/other"])
    assert "not found" in stage.run("ls-remote", stage.url, token="else", ok=False)
    assert httpx.get(f"{stage.remote.url}/acme/shop.git/HEAD").status_code == 404


def test_a_renamed_repository_is_reached_by_its_old_name(stage: Stage) -> None:
    stage.repo.rename("acme/store")
    assert "refs/heads/main" in stage.run("ls-remote", stage.url)


def test_a_large_push_comes_in_chunks_and_counts_once(stage: Stage) -> None:
    stage.clone()
    stage.write({"big": os.urandom(2_000_000)})
    races: list[int] = []
    stage.remote.before_receive = lambda: races.append(1)
    stage.run("push", "-q", "origin", "HEAD:main")
    assert (len(stage.pushes), len(races)) == (1, 1), "the client's probe before it is no push"


# --- rules ---


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"pull_request": True}, ["GH006", "through a pull request.", "(protected branch hook declined)"]),
        ({"signatures": True}, ["Commits must have verified signatures.", "(protected branch hook declined)"]),
        ({"merge_queue": True}, ["through the merge queue", "(protected branch hook declined)"]),
        ({"checks": ("build",)}, ['Required status check "build" is expected.', "(protected branch hook declined)"]),
        (
            {"pull_request": True, "ruleset": True},
            ["GH013", "- Changes must be made", "(push declined due to repository rule violations)"],
        ),
    ],
)
def test_a_protected_branch_declines_a_direct_push(stage: Stage, rules: dict[str, Any], said: list[str]) -> None:
    stage.clone()
    before = stage.repo.branch("main")
    stage.write({"a.txt": "a"})
    stage.repo.protect("main", **rules)
    output = stage.run("push", "origin", "HEAD:main", ok=False)
    assert [part for part in said if part not in output] == []
    assert (stage.git.heads()["main"], stage.pushes) == (before, [])
    refused = stage.world.history.calls[-1]["pushes"][0]
    assert refused["refused"] in output
    stage.run("push", "-q", "origin", "HEAD:refs/heads/cicatrix/fix/1")
    stage.repo.protect("main", **rules, bypass=frozenset({"octocat"}))
    stage.run("push", "-q", "origin", "HEAD:main")


def test_a_protected_branch_takes_a_commit_with_its_checks_green(stage: Stage) -> None:
    stage.clone()
    sha = stage.write({"a.txt": "a"})
    stage.repo.protect("main", checks=("build", "lint"))
    stage.repo.status(sha, "build")
    stage.repo.check_run(sha, "lint", "linter")
    stage.run("push", "-q", "origin", "HEAD:main")
    assert stage.repo.branch("main") == sha


def test_a_forced_push_is_recorded_and_refused_where_protected(stage: Stage) -> None:
    stage.clone()
    first = stage.repo.branch("main")
    second = stage.write({"a.txt": "a"})
    stage.run("push", "-q", "origin", "HEAD:main")
    stage.run("push", "-q", "--force", "origin", f"{first}:main")
    assert stage.pushes[-1]["detail"] == {"ref": HEAD, "old": second, "new": first, "forced": True}
    stage.run("push", "-q", "origin", f"{second}:main")
    stage.repo.protect("main")
    assert "Cannot force-push" in stage.run("push", "--force", "origin", f"{first}:main", ok=False)
    refused = stage.world.history.calls[-1]["pushes"][0]
    assert (refused["forced"], refused["refused"]) == (True, "protected branch hook declined")
    assert "Cannot delete" in stage.run("push", "origin", ":main", ok=False)
    assert (stage.repo.branch("main"), len(stage.pushes)) == (second, 3)


@pytest.mark.parametrize("ref", ["main", "refs/heads/new"])
def test_workflow_files_need_a_right_of_their_own(stage: Stage, ref: str) -> None:
    stage.clone()
    stage.write({RECHECK: TEXT})
    said = f"refusing to allow a GitHub App to create or update workflow `{RECHECK}` without `workflows` permission"
    assert said in stage.run("push", "origin", f"HEAD:{ref}", token="few", ok=False)
    stage.world.token("pat", login="octocat", permissions={"contents": "write"})
    assert "a Personal Access Token" in stage.run("push", "origin", f"HEAD:{ref}", token="pat", ok=False)
    assert not stage.pushes
    rights = {"contents": "write", "workflows": "write"}
    stage.world.token("both", login="x", kind="actions", permissions=rights)
    stage.run("push", "-q", "origin", f"HEAD:{ref}", token="both")
    stage.write({"a.txt": "a"})
    stage.run("push", "-q", "origin", f"HEAD:{ref}", token="few")


# --- races and faults ---


def test_a_commit_that_comes_between_read_and_push_is_never_lost(stage: Stage) -> None:
    stage.clone()
    stage.write({"a.txt": "a"})
    foreign: list[str] = []
    stage.remote.before_receive = lambda: foreign.append(stage.git.commit("main", {"b.txt": "b"}, "Foreign"))
    output = stage.run("push", "origin", "HEAD:main", ok=False)
    assert "[remote rejected]" in output
    assert (stage.git.heads()["main"], len(foreign), stage.pushes) == (foreign[0], 1, [])


def test_a_race_may_push_over_http_itself(stage: Stage) -> None:
    stage.clone()
    sha = stage.write({"a.txt": "a"})

    def race() -> None:
        stage.run("push", "-q", "origin", "HEAD:refs/heads/other")

    stage.remote.before_receive = race
    stage.run("push", "-q", "origin", "HEAD:main")
    assert [p["detail"]["ref"] for p in stage.pushes] == ["refs/heads/other", HEAD]
    assert stage.git.heads()["main"] == sha


def test_a_push_may_be_taken_and_its_answer_lost(stage: Stage) -> None:
    stage.clone()
    sha = stage.write({"a.txt": "a"})
    stage.remote.drop_after_receive = True
    stage.run("push", "origin", "HEAD:main", ok=False)
    assert (stage.git.heads()["main"], len(stage.pushes)) == (sha, 1)
    assert stage.world.history.calls[-1]["status"] == 0


@pytest.mark.parametrize("kind", ["answer_502_before", "reset_before", "unreachable", "rate_limited"])
def test_faults_before_the_effect(stage: Stage, kind: str) -> None:
    stage.clone()
    stage.write({"a.txt": "a"})
    stage.world.faults.add(kind, "POST */git-receive-pack", count=None)
    stage.run("push", "origin", "HEAD:main", ok=False)
    assert not stage.pushes
    stage.world.faults.clear()
    stage.run("push", "-q", "origin", "HEAD:main")
    assert len(stage.pushes) == 1


def test_git_itself_sends_a_push_again_over_a_fresh_connection(stage: Stage) -> None:
    """Its HTTP library does so when a kept connection dies without a byte; what was pushed moves once all the same."""
    stage.clone()
    stage.write({"a.txt": "a"})
    stage.world.faults.add("reset_after_effect", "POST */git-receive-pack")
    stage.run("push", "origin", "HEAD:main", ok=False)
    sent = [c for c in stage.world.history.calls if c["method"] == "POST" and c["path"].endswith("receive-pack")]
    print([c["status"] for c in sent])
    assert (len(sent), len(stage.pushes)) == (2, 1)


@pytest.mark.parametrize("kind", ["answer_502_after_effect", "reset_after_effect", "garbage"])
def test_faults_after_the_effect(stage: Stage, kind: str) -> None:
    stage.clone()
    stage.write({"a.txt": "a"})
    stage.world.faults.add(kind, "POST */git-receive-pack", count=None)
    stage.run("push", "origin", "HEAD:main", ok=False)
    assert len(stage.pushes) == 1


# --- what the API shows of it ---


def test_commits_files_and_refs_are_those_of_git(stage: Stage) -> None:
    http, first = client(stage.world), stage.repo.branch("main")
    stage.world.advance(60)
    second = stage.git.commit("main", {"src/a.py": "x = 1\n", "README.md": None}, "Add a\n\nand why")
    listed = http.get(f"{REPO}/commits").json()
    assert [(c["sha"], c["parents"][0]["sha"] if c["parents"] else None) for c in listed] == [
        (second, first), (first, None)
    ]  # fmt: skip
    assert listed[0]["commit"]["message"] == "Add a\n\nand why"
    assert listed[0]["commit"]["committer"]["date"] == "2026-11-21T12:01:00Z"
    assert [c["sha"] for c in http.get(f"{REPO}/commits", params={"path": "README.md"}).json()] == [second, first]
    assert http.get(f"{REPO}/commits/{first}").json()["sha"] == first
    assert http.get(f"{REPO}/commits/{'e' * 40}").status_code == 422
    assert http.get(f"{REPO}/git/ref/heads/main").json()["object"]["sha"] == second
    assert http.get(f"{REPO}/contents/src/a.py").json()["size"] == 6
    assert http.get(f"{REPO}/contents/README.md").status_code == 404
    assert http.get(f"{REPO}/contents/README.md", params={"ref": first}).status_code == 200
    assert [f["name"] for f in http.get(f"{REPO}/contents/src").json()] == ["a.py"]
    clone = http.get(REPO).json()["clone_url"]
    assert second in stage.run("ls-remote", clone)


def test_a_pull_request_needs_a_branch_with_commits_and_follows_it(stage: Stage) -> None:
    http = client(stage.world)
    asked = {"head": "fix", "base": "main", "title": "Fix"}
    assert http.post(f"{REPO}/pulls", json=asked).status_code == 422
    main = stage.repo.branch("main")
    stage.git.run("update-ref", "refs/heads/fix", main)
    assert "No commits between" in http.post(f"{REPO}/pulls", json=asked).text
    first = stage.git.commit("fix", {"a.txt": "a"}, "Fix")
    made = http.post(f"{REPO}/pulls", json=asked).json()
    assert (made["head"]["sha"], made["base"]["sha"], made["changed_files"]) == (first, main, 1)
    second = stage.git.commit("fix", {"b.txt": "b"}, "More")
    assert http.get(f"{REPO}/pulls/{made['number']}").json()["head"]["sha"] == second
    stage.git.run("update-ref", "-d", "refs/heads/fix")
    assert http.get(f"{REPO}/pulls/{made['number']}").json()["head"]["sha"] == second
    stage.git.run("update-ref", "refs/heads/fix", first)
    assert http.get(f"{REPO}/pulls/{made['number']}").json()["head"]["sha"] == first


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_a_person_merges(stage: Stage, method: str, parents: int) -> None:
    base = stage.repo.branch("main")
    stage.git.commit("fix", {"a.txt": "a"}, "One", parents=[base])
    stage.git.commit("fix", {"b.txt": "b"}, "Two")
    other = stage.git.commit("main", {"c.txt": "c"}, "Meanwhile")
    pull = stage.repo.pull_request(1, head_branch="fix")
    made = stage.world.merge(pull, method=method)
    (commit, *_) = stage.git.log("main")
    assert (commit.sha, len(commit.parents), pull.merged, pull.merge_sha) == (made, parents, True, made)
    assert stage.git.paths(made) == ["README.md", "a.txt", "b.txt", "c.txt"]
    line = [c.message for c in stage.git.log("main", "--first-parent", f"^{other}")]
    assert (
        line
        == {
            "merge": ["Merge pull request #1 from acme/fix\n\nPull request 1"],
            "squash": ["Pull request 1 (#1)"],
            "rebase": ["Two", "One"],
        }[method]
    )
    found = client(stage.world).get(f"{REPO}/commits/{made}/pulls").json()
    assert [p["number"] for p in found] == [1]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_conflict_is_no_merge(stage: Stage, method: str) -> None:
    base = stage.repo.branch("main")
    stage.git.commit("fix", {"README.md": "one\n"}, "One", parents=[base])
    tip = stage.git.commit("main", {"README.md": "two\n"}, "Two")
    pull = stage.repo.pull_request(1, head_branch="fix")
    with pytest.raises(SimulatorError, match="not mergeable"):
        stage.world.merge(pull, method=method)
    assert (stage.git.heads()["main"], pull.state) == (tip, "open")


def test_equal_commits_have_equal_names(stage: Stage, tmp_path: Path) -> None:
    other = World(now=stage.world.now, seed=9).repository("acme/shop")
    other.file("README.md", "hello\n")
    second = other.attach_git(tmp_path / "other.git")
    files: dict[str, str | bytes | None] = {'odd "na\\me\n': "x", "run.sh": "#!/bin/sh\n", "link": "run.sh", "é": "y"}
    modes = {"run.sh": "100755", "link": "120000"}
    names = {git.commit("main", files, "Odd", modes=modes) for git in (stage.git, second)}
    assert len(names) == 1
    assert stage.git.paths(names.pop()) == sorted([*files, "README.md"])
    listed = stage.git.run("ls-tree", "main").decode()
    assert [line.split()[0] for line in listed.splitlines()] == ["100644", "120000", "100644", "100755", "100644"]


def test_root_octopus_and_dated_commits(stage: Stage) -> None:
    base = stage.repo.branch("main")
    arms = [stage.git.commit(f"arm-{n}", {f"{n}.txt": "x"}, "Arm", parents=[base]) for n in range(3)]
    octopus = stage.git.commit("main", {"all": "x"}, "Octopus", parents=arms)
    root = stage.git.commit("main", {"only": "x"}, "Root", parents=[], date=stage.world.epoch.replace(year=2020))
    assert stage.git.log(octopus, "-1")[0].parents == tuple(arms)
    (found,) = stage.git.log(root)
    assert (found.parents, found.committed_at.year, stage.git.paths(root)) == ((), 2020, ["only"])


# --- events ---


def test_workflows_that_only_git_holds_hear_a_dispatch(stage: Stage) -> None:
    stage.git.commit("main", {RECHECK: TEXT}, "Add the workflow")
    assert client(stage.world).post(f"{REPO}/dispatches", json=ASK).status_code == 204
    (made,) = stage.world.dispatched
    assert (made.path, made.sha) == (RECHECK, stage.repo.branch("main"))
    assert [leaf.name for leaf in made.run.state.leaves] == ["measure", "report"]


@pytest.mark.parametrize(("token", "runs"), [("t", ["push", "pull_request"]), ("few", [])])
def test_events_by_the_workflows_own_token_start_no_run(stage: Stage, token: str, runs: list[str]) -> None:
    stage.world.events_start_runs = True
    rights = {"contents": "write", "pull_requests": "write"}
    stage.world.token("few", login="x", kind="actions", permissions=rights)
    stage.repo.files.clear()
    text = "on: {push: {branches: [fix]}, pull_request: }\njobs: {test: {runs-on: x}}\n"
    stage.git.commit("main", {".github/workflows/ci.yml": text}, "Add CI")
    stage.clone()
    stage.write({"a.txt": "a"})
    stage.run("push", "-q", "origin", "HEAD:refs/heads/fix", "HEAD:refs/heads/other", token=token)
    made = client(stage.world, token).post(f"{REPO}/pulls", json={"head": "fix", "base": "main", "title": "Fix"})
    assert made.status_code == 201
    assert [d.event for d in stage.world.dispatched] == runs


def test_git_is_served_by_the_api_server_too(stage: Stage) -> None:
    with serve(stage.world) as server:
        assert "refs/heads/main" in stage.run("ls-remote", f"{server.api_url}/acme/shop.git")


def test_a_repository_that_is_there_is_taken_as_it_is(stage: Stage, tmp_path: Path) -> None:
    head = stage.git.commit("side", {"x": "y"}, "Side")
    again = World(now=stage.world.now).repository("acme/copy")
    again.attach_git(tmp_path / "shop.git")
    assert again.branches["side"][-1][1] == head
