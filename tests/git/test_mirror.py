"""The mirror: what it fetches, what it says of a history, and how it speaks to a remote."""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path

import pytest

from cicatrix.git import GitError, GitTimeout, Mirror, Remote, ShallowClone
from tests.git.http_remote import TOKEN, HttpRemote
from tests.git.repositories import START, Maker, git


def test_branches_come_move_and_go(mirror: Mirror, there: Maker) -> None:
    first = there.commit({"a": b"1\n"})
    there.commit({"b": b"1\n"}, branch="side")
    mirror.fetch("main", "missing")
    assert (mirror.tip("main"), mirror.tip("side"), mirror.tip("missing")) == (first, None, None)
    second = there.commit({"a": b"2\n"}, first)
    assert mirror.tip("main") == first
    assert mirror.remote_tip("main") == second
    mirror.fetch()
    assert mirror.tip("main") == second
    assert mirror.tip("side") is not None
    git(there.folder, "update-ref", "-d", "refs/heads/side")
    git(there.folder, "update-ref", "refs/heads/main", first)
    mirror.fetch("main", "side")
    assert (mirror.tip("main"), mirror.tip("side"), mirror.remote_tip("side")) == (first, None, None)


def test_an_empty_remote_has_no_branches(mirror: Mirror, there: Maker) -> None:
    mirror.fetch()
    mirror.fetch("main")
    assert (mirror.tip("main"), mirror.remote_tip("main")) == (None, None)


def test_a_branch_whose_name_ends_like_another_is_another(mirror: Mirror, there: Maker) -> None:
    there.commit({"a": b"1\n"}, branch="x/refs/heads/main")
    assert mirror.remote_tip("main") is None


@pytest.mark.shows("F20", "RB-2")
def test_a_remote_whose_history_is_cut_off_is_refused(tmp_path: Path, served: HttpRemote, there: Maker) -> None:
    there.commit({"a": b"2\n"}, there.commit({"a": b"1\n"}))
    thin = served.root / "thin.git"
    line = ["git", "clone", "-q", "--bare", "--depth=1", f"file://{there.folder}", str(thin)]
    subprocess.run(line, check=True, capture_output=True)
    mirror = Mirror.open(tmp_path / "mirror", Remote(served.url("thin.git"), lambda: TOKEN))
    with pytest.raises(ShallowClone):
        mirror.fetch()
    with pytest.raises(ShallowClone):
        mirror.fetch("main")
    assert mirror.tip("main") is None


def test_history_is_the_branchs_own_line(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": b"1\n"})
    side = there.commit({"s": b"1\n"}, root, branch="side")
    main = there.commit({".github/workflows/ci.yml": b"on: push\n", "a": None}, root)
    tip = there.commit({"s": b"1\n"}, main, side)
    mirror.fetch()
    merge, change, first = mirror.history(tip, 10)
    assert [c.sha for c in (merge, change, first)] == [tip, main, root]
    assert merge.parents == (main, side)
    assert merge.paths == ("s",)
    assert change.paths == (".github/workflows/ci.yml", "a")
    assert (change.touches_workflows, merge.touches_workflows) == (True, False)
    assert (first.parents, first.paths) == ((), ())
    assert change.committed_at.timestamp() == START + 180
    assert change.tree == there.tree(main)
    assert [c.sha for c in mirror.history(tip, 1)] == [tip]
    assert mirror.is_ancestor(side, tip)
    assert not mirror.is_ancestor(tip, side)
    assert (mirror.has(side), mirror.has("ab" * 20), mirror.commit("ab" * 20)) == (True, False, None)


@pytest.mark.shows("RB-2")
def test_later_commits_on_the_same_paths_are_dependants(mirror: Mirror, there: Maker) -> None:
    root = there.commit({"a": b"1\n", "b": b"1\n"})
    bad = there.commit({"a": b"2\n"}, root)
    other = there.commit({"b": b"2\n"}, bad)
    side = there.commit({"a": b"3\n"}, bad, branch="side")
    tip = there.commit({"a": b"3\n"}, other, side)
    mirror.fetch()
    assert mirror.descendants_touching(bad, tip) == (tip,)
    assert mirror.descendants_touching(other, tip) == ()


@pytest.mark.shows("RB-6")
@pytest.mark.parametrize(
    ("message", "trailers"),
    [
        (
            "x\n\nCicatrix-Rollback: never\nCicatrix-Case: c-1\nSigned-off-by: a\n",
            ["Cicatrix-Rollback", "Cicatrix-Case"],
        ),
        ("x\r\n\r\ncicatrix-rollback:  Never \r\n", ["Cicatrix-Rollback"]),
        ("x\n\nCicatrix-Rollback: always\n", []),
        ("x\n\nCicatrix-Rollback: never\n\nand a last paragraph\n", []),
        ("x\n\nCicatrix-Other: 1\n", []),
        ("\udcff\udcfe\n\nCicatrix-Operation: op\x1b[31m-1\n", ["Cicatrix-Operation"]),
    ],
)
def test_our_trailers_are_read_and_no_others(mirror: Mirror, there: Maker, message: str, trailers: list[str]) -> None:
    sha = there.commit({"a": b"1\n"}, message=message)
    mirror.fetch()
    facts = mirror.commit(sha)
    assert facts is not None
    assert sorted(facts.trailers) == sorted(trailers)
    assert "\x1b" not in "".join(facts.trailers.values())


def test_the_token_stands_in_the_environment_alone(
    mirror: Mirror, there: Maker, served: HttpRemote, tmp_path: Path
) -> None:
    told, spy = tmp_path / "told", tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {told}\nexec git "$@"\n')
    spy.chmod(0o700)
    there.commit({"a": b"1\n"})
    watched = Mirror(git=type(mirror.git)(folder=mirror.git.folder, program=str(spy)), remote=mirror.remote)
    watched.fetch()
    files = [path.read_bytes() for path in mirror.git.folder.rglob("*") if path.is_file()]
    pair = "eC1hY2Nlc3MtdG9rZW4"  # base64 of the user's name, as far as it does not depend on the token
    assert TOKEN not in told.read_text() + repr(watched)
    assert pair not in told.read_text() + repr(watched)
    assert not [content for content in files if TOKEN.encode() in content or pair.encode() in content]
    served.status_of_all = 500
    with pytest.raises(GitError) as caught:
        watched.fetch()
    assert TOKEN not in f"{caught.value}{caught.value.diagnostics()}{caught.value.__cause__}{caught.value.__context__}"


def test_a_redirect_is_not_followed(mirror: Mirror, there: Maker, served: HttpRemote) -> None:
    there.commit({"a": b"1\n"})
    Maker(served.root / "other.git").commit({"a": b"other\n"})
    served.redirect_to = "/other.git"
    with pytest.raises(GitError):
        mirror.fetch()
    assert not [line for line in served.seen if "other.git" in line]


@pytest.mark.shows("RB-3", "T23")
def test_git_sees_our_environment_and_nothing_else(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("LD_PRELOAD", "")
    spy = tmp_path / "spy"
    spy.write_text("#!/usr/bin/env -S sh\nexec env -0\n")
    spy.chmod(0o700)
    told = type(mirror.git)(folder=mirror.git.folder, program=str(spy)).run("status").out.decode().split("\0")
    seen = dict(line.split("=", 1) for line in told if line)
    wanted = {
        "HOME": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }
    assert wanted.items() <= seen.items()
    assert not seen.keys() & {"GIT_TRACE", "LD_PRELOAD", "USER", "PYTHONPATH"}


def test_a_call_that_never_ends_is_killed_with_its_children(mirror: Mirror, tmp_path: Path) -> None:
    child = tmp_path / "child"
    stuck = tmp_path / "stuck"
    stuck.write_text(f"#!/bin/bash\ntail -f /dev/null & echo $! > {child}\nwait\n")
    stuck.chmod(0o700)
    hung = type(mirror.git)(folder=mirror.git.folder, program=str(stuck), timeout=1.0)
    with pytest.raises(GitTimeout):
        hung.run("status")
    assert _ended(int(child.read_text())), "the child outlived the call"


def _ended(pid: int) -> bool:
    """Whether the process has ended, or does so within a second: a signal sent is not yet one that has arrived."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 1.0)[0])
    finally:
        os.close(handle)


def test_output_without_end_is_stopped(mirror: Mirror, tmp_path: Path) -> None:
    loud = tmp_path / "loud"
    loud.write_text("#!/bin/sh\nexec yes\n")
    loud.chmod(0o700)
    with pytest.raises(GitError, match="more than 1000 bytes"):
        type(mirror.git)(folder=mirror.git.folder, program=str(loud)).run("status", limit=1000)


def test_equal_stories_give_equal_names(there: Maker, tmp_path: Path) -> None:
    again = Maker(tmp_path / "again.git")
    assert there.commit({"a": b"1\n"}) == again.commit({"a": b"1\n"})
