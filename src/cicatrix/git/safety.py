"""Whether this git does what our guards rely on: tried out at start, since a version number proves nothing.

Distributions repair old versions and break new ones, so each guard is put before a trap that leaves a mark.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cicatrix.core.heal_reasons import HealReason
from cicatrix.git import changes, history, reverting
from cicatrix.git.errors import GitError, GitUnsafe, RevertRefused
from cicatrix.git.run import SEARCHED, Git
from cicatrix.git.worktree import throw_away

HOOKS = ("reference-transaction", "post-checkout", "post-index-change", "pre-commit", "post-commit", "pre-push")
_US = changes.Author(name="Cicatrix", email="cicatrix@localhost")
_THEN = datetime(2020, 1, 1, tzinfo=UTC)


def check(program: str, *, timeout: float = 120.0) -> None:
    """Raises `GitUnsafe` unless every guard holds. A program file that passed once is not tried again."""
    found = shutil.which(program, path=SEARCHED)
    about = Path(found).stat() if found else None
    if about is None:
        raise GitUnsafe("no git here", why=f"{Path(program).name} is in none of {SEARCHED}.")
    _tried(program, (str(found), about.st_mtime_ns, about.st_size, about.st_ino), timeout)


@cache
def _tried(program: str, _file: tuple[str, int, int, int], timeout: float) -> None:
    """Every probe. What raises is not remembered, so a refused git is tried again each time."""
    with throw_away() as place:
        try:
            for probe in _PROBES:
                probe(_Trap(place / probe.__name__, program, timeout))
        except GitUnsafe:
            raise
        except (GitError, ValueError, OSError, KeyError) as error:
            why = error.why if isinstance(error, GitError) else type(error).__name__
            raise GitUnsafe("git's behaviour could not be checked", why=why) from None


class _Trap:
    """A repository of traps: whatever steps into one leaves the file `mark`."""

    def __init__(self, place: Path, program: str, timeout: float) -> None:
        place.mkdir()
        self.place = place
        self.mark = place / "mark"
        self.git = Git(folder=place / "repository", program=program, timeout=timeout)
        self.git.run("init", "--quiet", "--bare", "--template=", "--end-of-options", str(self.git.folder))

    def script(self, path: Path) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n: > {shlex.quote(str(self.mark))}\n", encoding="utf-8")
        path.chmod(0o700)
        return path

    def commit(self, files: dict[str, bytes], *parents: str) -> str:
        records = []
        for name, content in files.items():
            blob = self.git.run("hash-object", "-w", "--stdin", stdin=content).text
            records.append(f"100644 blob {blob}\t{name}\n")
        tree = self.git.run("mktree", stdin="".join(records).encode()).text
        return changes.commit(self.git, tree, parents=parents, author=_US, date=_THEN, message="probe\n")

    def branch(self, sha: str) -> None:
        self.git.run("update-ref", f"{reverting.HEADS}main", sha)

    def revert(self, target: str, tip: str) -> reverting.Reverted:
        self.branch(tip)
        return reverting.revert(self.git, target, tip=tip, mainline=None, author=_US, date=_THEN, message="probe\n")

    def expect_no_mark(self, what: str) -> None:
        if self.mark.exists():
            raise GitUnsafe(what, why="git ran a program that a repository brought along.")


def _hooks(trap: _Trap) -> None:
    for name in HOOKS:
        trap.script(trap.git.folder / "hooks" / name)
    sha = trap.commit({"a": b"1\n"})
    trap.branch(sha)
    folder = trap.place / "files"
    folder.mkdir()
    trap.git.run("read-tree", "--reset", "-u", sha, env={"GIT_WORK_TREE": str(folder)})
    trap.expect_no_mark("hooks")


def _fsmonitor(trap: _Trap) -> None:
    program = trap.script(trap.place / "fsmonitor")
    trap.git.run("config", "core.fsmonitor", shlex.quote(str(program)))
    folder = trap.place / "files"
    folder.mkdir()
    env = {"GIT_WORK_TREE": str(folder)}
    trap.git.run("read-tree", "--reset", "-u", trap.commit({"a": b"1\n"}), env=env)
    trap.git.run("status", "--porcelain", env=env)
    trap.expect_no_mark("fsmonitor")


def _transports(trap: _Trap) -> None:
    """Folders of this machine are allowed by default, programs are not: both must be refused."""
    program = trap.script(trap.place / "transport")
    for url in (str(trap.git.folder), f"ext::{program}"):
        if trap.git.asks("ls-remote", "--end-of-options", url):
            raise GitUnsafe("transports", why="git used one that was forbidden.")
    trap.expect_no_mark("transports")


def _filters(trap: _Trap) -> None:
    program = trap.script(trap.place / "filter")
    trap.git.run("config", "filter.trap.smudge", shlex.quote(str(program)))
    (trap.git.folder / "info").mkdir(exist_ok=True)
    (trap.git.folder / "info" / "attributes").write_text("* merge=text -filter -diff\n", encoding="utf-8")
    sha = trap.commit({"a": b"1\n", ".gitattributes": b"* filter=trap\n"})
    folder = trap.place / "files"
    folder.mkdir()
    trap.git.run("read-tree", "--reset", "-u", sha, env={"GIT_WORK_TREE": str(folder)})
    trap.expect_no_mark("filters")


def _shallow(trap: _Trap) -> None:
    tip = trap.commit({"a": b"2\n"}, trap.commit({"a": b"1\n"}))
    if history.is_shallow(trap.git) or trap.git.run("rev-parse", "--is-shallow-repository").text != "false":
        raise GitUnsafe("shallow clones", why="git calls a whole history shallow.")
    (trap.git.folder / "shallow").write_text(f"{tip}\n", encoding="ascii")
    if trap.git.run("rev-parse", "--is-shallow-repository").text != "true":
        raise GitUnsafe("shallow clones", why="git does not see that a history is cut off.")


def _reverts(trap: _Trap) -> None:
    first = trap.commit({"a": b"1\n", "b": b"1\n"})
    second = trap.commit({"a": b"2\n", "b": b"1\n", "c": b"1\n"}, first)
    third = trap.commit({"a": b"2\n", "b": b"2\n", "c": b"1\n"}, second)
    right = trap.commit({"a": b"1\n", "b": b"2\n"}, third)
    if trap.revert(second, third).tree != changes.tree_of(trap.git, right):
        raise GitUnsafe("reverts", why="git gave another tree than the right one.")
    if trap.revert(third, third).tree != changes.tree_of(trap.git, second):
        raise GitUnsafe("reverts", why="git gave another tree than the one before.")


def _conflicts(trap: _Trap) -> None:
    union = {".gitattributes": b"* merge=union\n"}
    first = trap.commit({"a": b"1\n", **union})
    second = trap.commit({"a": b"2\n", **union}, first)
    third = trap.commit({"a": b"3\n", **union}, second)
    try:
        trap.revert(second, third)
    except RevertRefused as refused:
        if refused.reason is HealReason.REVERT_CONFLICT:
            return
    raise GitUnsafe("conflicts", why="git hid a conflict.")


_PROBES: tuple[Callable[[_Trap], None], ...] = (
    _hooks,
    _fsmonitor,
    _transports,
    _filters,
    _shallow,
    _reverts,
    _conflicts,
)
