"""A clean copy of one commit of somebody's checkout, made without running anything that the checkout configures.

Their repository is never opened: a shadow repository of ours borrows its objects (read by content, so nothing in them
can act) and copies its refs and index. So none of their configuration, hooks, filters or remotes is ever read by git,
and their index, refs and files are never written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cicatrix.git.errors import GitError
from cicatrix.git.run import Git
from cicatrix.git.worktree import checkout, throw_away

_LONGEST_REVISION = 1_000
_MOST_BYTES = 64 * 1024 * 1024
_SHADOW_ATTRIBUTES = "* merge=text -filter -diff !working-tree-encoding -ident\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFacts:
    """What somebody's checkout looks like. Names are text of strangers: escape them."""

    root: Path
    head: str | None
    """None before the first commit."""
    branch: str | None
    """None on a detached HEAD."""
    shallow: bool
    dirty: bool
    """Whether tracked files differ from HEAD, or that cannot be told. New files, such as a report, do not count."""
    origin: str | None
    """URL of the remote `origin` without its user part; None without one."""

    @property
    def detached(self) -> bool:
        return self.branch is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTree:
    """A throw-away copy of one commit."""

    path: Path
    sha: str
    facts: LocalFacts


@contextmanager
def local_worktree(
    repository: Path, commit: str = "HEAD", *, git: str = "git", timeout: float = 120.0
) -> Iterator[LocalTree]:
    """The files of `commit` (a SHA or any revision that the checkout knows) in a new folder, gone afterwards.

    Works in a depth-1 clone and says so. Raises `GitError` outside a checkout and for a commit that is not there.
    """
    with _shadow(repository, git, timeout) as shadow:
        sha = shadow.resolve(commit)
        with checkout(shadow.git, sha, env=shadow.env) as path:
            yield LocalTree(path=path, sha=sha, facts=shadow.facts())


def local_facts(repository: Path, *, git: str = "git", timeout: float = 120.0) -> LocalFacts:
    """What the checkout around that folder looks like, without running anything that it configures."""
    with _shadow(repository, git, timeout) as shadow:
        return shadow.facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shadow:
    git: Git
    root: Path
    theirs: Path
    """The folder that holds their HEAD and index."""
    common: Path
    """The folder that holds their refs and objects; the same unless it is a linked worktree."""
    env: dict[str, str]

    def resolve(self, revision: str) -> str:
        if len(revision) > _LONGEST_REVISION or "\0" in revision:
            raise GitError("a commit", why="The name is too long or holds a NUL.")
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = self.git.run(*asked, env=self.env, also=(1, 128))
        if found.code or not found.text:
            raise GitError(f"no commit {revision!r} in this checkout", next_step="Name a commit that is there.")
        return found.text

    def facts(self) -> LocalFacts:
        head = _text(self.theirs / "HEAD")
        branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None
        try:
            sha: str | None = self.resolve("HEAD")
        except GitError:
            sha = None
        return LocalFacts(
            root=self.root,
            head=sha,
            branch=branch,
            shallow=bool(_text(self.common / "shallow")),
            dirty=sha is not None and self._dirty(),
            origin=self._origin(),
        )

    def _dirty(self) -> bool:
        env = {**self.env, "GIT_WORK_TREE": str(self.root)}
        asked = ("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames")
        # their own choice of symbolic links decides what a link looks like on disk
        found = self.git.run(*asked, env=env, guards=("core.symlinks=true",), also=(1, 128))
        return found.code != 0 or bool(found.out)

    def _origin(self) -> str | None:
        if not (self.common / "config").is_file():
            return None
        asked = ("config", "--no-includes", "--file", str(self.common / "config"), "--get", "remote.origin.url")
        found = self.git.run(*asked, also=(1, 2, 3, 4, 128))
        return _without_user(found.text) if found.code == 0 and found.text else None


@contextmanager
def _shadow(repository: Path, program: str, timeout: float) -> Iterator[_Shadow]:
    root, theirs, common = _found(repository)
    with throw_away() as place:
        git = Git(folder=place / "shadow", program=program, timeout=timeout)
        git.run("init", "--quiet", "--bare", "--template=", "--end-of-options", str(git.folder))
        (git.folder / "info").mkdir(exist_ok=True)
        (git.folder / "info" / "attributes").write_text(_SHADOW_ATTRIBUTES, encoding="utf-8")
        _copy_refs(common, git.folder)
        named = (theirs / "HEAD", theirs / "index", common / "packed-refs", common / "shallow")
        for source in (*named, *theirs.glob("sharedindex.*")):
            _copy(source, git.folder / source.name)
        env = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(common / "objects")}
        yield _Shadow(git=git, root=root, theirs=theirs, common=common, env=env)


def _found(repository: Path) -> tuple[Path, Path, Path]:
    """The checkout's root, its own git folder and the common one. Nothing is asked of git."""
    start = repository.resolve()
    for root in (start, *start.parents):
        mark = root / ".git"
        if mark.is_dir():
            theirs = mark
        elif mark.is_file() and _text(mark).startswith("gitdir: "):
            theirs = (root / _text(mark).removeprefix("gitdir: ")).resolve()
        else:
            continue
        common = _text(theirs / "commondir")
        return root, theirs, (theirs / common).resolve() if common else theirs
    raise GitError("no checkout of git here", why=f"{start.name} is in no git checkout.", next_step="Name its folder.")


def _copy_refs(common: Path, folder: Path) -> None:
    for place, inner, files in os.walk(common / "refs"):
        inner[:] = [name for name in inner if not Path(place, name).is_symlink()]
        target = folder / Path(place).relative_to(common)
        target.mkdir(parents=True, exist_ok=True)
        for name in files:
            _copy(Path(place, name), target / name)


def _copy(source: Path, target: Path) -> None:
    """Copy a plain file; links, pipes and devices, which could make us read something else, are left out."""
    if source.is_symlink() or not source.is_file():
        return
    if source.stat().st_size > _MOST_BYTES:
        raise GitError("a checkout", why=f"its file {source.name} is larger than {_MOST_BYTES} bytes.")
    shutil.copy2(source, target)


def _text(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_LONGEST_REVISION * 4).decode("utf-8", "replace").strip()


def _quoted(path: Path) -> str:
    """For a list that git splits at colons: a quoted element may hold any character."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    if not parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
