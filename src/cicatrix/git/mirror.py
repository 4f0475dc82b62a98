"""Our own bare mirror of a remote: the only repository that reverts and pushes are made in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from cicatrix.core.changes import FileChange
from cicatrix.core.facts import Receipt
from cicatrix.core.rollback.model import CommitFacts
from cicatrix.git import changes, history, names, pushing, reverting, safety, worktree
from cicatrix.git.changes import Author
from cicatrix.git.errors import GitError, GitUnsafe, ShallowClone
from cicatrix.git.remote import Remote
from cicatrix.git.reverting import HEADS, Reverted
from cicatrix.git.run import Done, Git

ATTRIBUTES = "* merge=text -filter -diff\n"
"""Stronger than any `.gitattributes` of a tree: no merge driver, no filter, no text conversion."""
CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
_NEVER_OURS = ("shallow", "info/grafts", "objects/info/alternates", "objects/info/http-alternates", "commondir")
MOST_FILE = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """What was fetched last, and commits of ours on top of it. Nothing here runs what a repository brings along.

    Every method may raise `GitError`. Commits of ours are kept by no ref: they are named, and pushed or forgotten.
    """

    git: Git
    remote: Remote

    @classmethod
    def open(cls, place: Path, remote: Remote, *, timeout: float = 120.0, git: str = "git") -> Self:
        """The mirror in that folder, made when missing. `timeout` is in seconds, for each call of git.

        Raises `GitUnsafe` when this git fails our check of behaviour, or the folder holds what we never put there.
        """
        safety.check(git, timeout=timeout)
        own = Git(folder=place, program=git, timeout=timeout)
        if not (place / "HEAD").exists():
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            own.run("init", "--quiet", "--bare", "--template=", "--end-of-options", str(place))
        strange = [name for name in _NEVER_OURS if (place / name).exists()]
        if strange:
            raise GitUnsafe("the mirror's folder", why=f"It holds {strange[0]}, which Cicatrix never writes.")
        _write(place / "config", CONFIG)
        _write(place / "info" / "attributes", ATTRIBUTES)
        return cls(git=own, remote=remote)

    # --- what the remote has ---

    def fetch(self, *branches: str) -> None:
        """Bring these branches, or all, up to date; a branch that is gone at the remote is gone here.

        Raises `ShallowClone` when the remote's history is cut off.
        """
        try:
            self._fetch(branches)
        except ShallowClone:
            raise
        except GitError:
            gone = set(branches) - self._heads(*branches).keys()
            if not gone:
                raise
            self._forget(gone)
            self._fetch(tuple(sorted(set(branches) - gone)), none=())
        if history.is_shallow(self.git):
            raise ShallowClone("the mirror")

    def _fetch(self, branches: tuple[str, ...], *, none: tuple[str, ...] = ("*",)) -> None:
        """Fetch these branches; without any, those that `none` says."""
        wanted = [names.branch_ref(branch).removeprefix("refs/heads/") for branch in branches] or none
        specs = [f"+refs/heads/{name}:{HEADS}{name}" for name in wanted]
        if not specs:
            return
        flags = ("--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--refmap=")
        done = self._talk("fetch", *flags, "--no-progress", "--end-of-options", self.remote.url, *specs)
        if "shallow" in done.err:
            raise ShallowClone("the remote", why=done.err)

    def _forget(self, branches: set[str]) -> None:
        for branch in branches:
            self.git.run("update-ref", "-d", f"{HEADS}{branch}")

    def _talk(self, *arguments: str) -> Done:
        env, redact = self.remote.call()
        return replace(self.git, transports=self.remote.transports, redact=redact).run(*arguments, env=env)

    def _heads(self, *branches: str) -> dict[str, str]:
        refs = [names.branch_ref(branch) for branch in branches] or ["refs/heads/*"]
        listed = self._talk("ls-remote", "--refs", "--end-of-options", self.remote.url, *refs).out
        found = {}
        for line in listed.decode("utf-8", "replace").splitlines():
            sha, _, ref = line.partition("\t")
            found[ref.removeprefix("refs/heads/")] = names.sha(sha)
        return {name: sha for name, sha in found.items() if not branches or f"refs/heads/{name}" in refs}

    def remote_tip(self, branch: str) -> str | None:
        """Where the remote's branch is right now; None when it is not there. The read back of a push."""
        return self._heads(branch).get(names.branch_ref(branch).removeprefix("refs/heads/"))

    def tip(self, branch: str) -> str | None:
        """Where the branch was when it was fetched last; None when it was not there."""
        ref = HEADS + names.branch_ref(branch).removeprefix("refs/heads/")
        return self.git.run("rev-parse", "--verify", "--quiet", "--end-of-options", ref, also=(1, 128)).text or None

    # --- history ---

    def has(self, sha: str) -> bool:
        """Whether the mirror holds that commit."""
        return history.has(self.git, sha)

    def history(self, tip: str, limit: int) -> tuple[CommitFacts, ...]:
        """The branch's own line from the tip back, newest first, at most `limit` commits."""
        return history.facts(self.git, history.first_parents(self.git, tip, limit=limit))

    def commit(self, sha: str) -> CommitFacts | None:
        """Facts of that commit; None when it is not there."""
        return history.facts(self.git, [names.sha(sha)])[0] if self.has(sha) else None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`; a commit contains itself."""
        return history.is_ancestor(self.git, older, newer)

    def descendants_touching(self, target: str, tip: str) -> tuple[str, ...]:
        """Later commits of the branch's own line that change a path which the target changes, newest first."""
        return history.descendants_touching(self.git, target, tip)

    def reverted_by(self, target: str, tip: str) -> str | None:
        """The commit up to the tip that says it reverts the target, unless that one was reverted itself."""
        return history.reverted_by(self.git, target, tip)

    # --- files ---

    def worktree(self, sha: str) -> AbstractContextManager[Path]:
        """A clean, throw-away checkout of the commit, in which foreign commands may run."""
        return worktree.checkout(self.git, sha)

    def diff(self, old: str, new: str) -> tuple[FileChange, ...]:
        """What differs between two commits, by path."""
        return changes.diff(self.git, old, new)

    def file(self, sha: str, path: str, limit: int = MOST_FILE) -> bytes | None:
        """The bytes of a file in a commit; None when there is no file. Raises `GitError` above `limit` bytes."""
        return changes.file(self.git, sha, path, limit)

    # --- commits of ours ---

    def commit_changes(self, folder: Path, *, parent: str, author: Author, date: datetime, message: str) -> str | None:
        """One commit on `parent` with the folder's files as they are; None when nothing differs."""
        return changes.commit_changes(self.git, folder, parent=parent, author=author, date=date, message=message)

    def revert(
        self, target: str, *, tip: str, mainline: int | None = None, author: Author, date: datetime, message: str
    ) -> Reverted:
        """A commit on the tip that undoes the target, and nothing else. Raises `RevertRefused` in any other case."""
        return reverting.revert(self.git, target, tip=tip, mainline=mainline, author=author, date=date, message=message)

    def keep(self, sha: str, branch: str) -> None:
        """A branch of the mirror names the commit, so that a person can fetch it from here. Nothing leaves."""
        self.git.run("update-ref", "--end-of-options", names.branch_ref(branch), names.sha(sha))

    def push(self, sha: str, ref: str, *, expected: str | None, receipt: Receipt) -> None:
        """Push the commit to a branch that is at `expected`, or that is not there when None. Never forced.

        Raises `PushNotSent`, `PushRefused` or `PushUnanswered`, by whether it took effect.
        """
        pushing.push(self.git, self.remote, sha, ref, expected=expected, receipt=receipt)


def _write(path: Path, text: str) -> None:
    """Each start writes it anew, whole: what somebody put there does not stay, and no reader sees half of it."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
