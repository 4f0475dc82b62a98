"""What a commit changes, and a commit made from the files of a folder that foreign commands wrote to."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cicatrix.core.changes import SUBMODULE, SYMLINK, FileChange
from cicatrix.git import names
from cicatrix.git.errors import GitError
from cicatrix.git.run import Git
from cicatrix.git.trees import Entry, entries, records
from cicatrix.git.worktree import throw_away

MOST_FILE_BYTES = 100 * 1024 * 1024
"""GitHub refuses larger files: https://docs.github.com/en/repositories/working-with-files/managing-large-files"""

_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--full-index", "--ignore-submodules=none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who a commit of ours is by."""

    name: str
    email: str


def commit(git: Git, tree: str, *, parents: tuple[str, ...], author: Author, date: datetime, message: str) -> str:
    """A new commit object, reachable by its name alone until it is pushed. Equal arguments give an equal commit."""
    if date.tzinfo is None:
        raise ValueError("a commit's date needs its offset from UTC")
    when = f"{int(date.astimezone(UTC).timestamp())} +0000"
    env = {
        **{f"GIT_{who}_NAME": author.name for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": author.email for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_DATE": when for who in ("AUTHOR", "COMMITTER")},
    }
    lines = (flag for parent in parents for flag in ("-p", names.sha(parent)))
    return names.sha(git.run("commit-tree", *lines, names.sha(tree), env=env, stdin=message.encode()).text)


def tree_of(git: Git, sha: str) -> str:
    return names.sha(git.run("rev-parse", "--verify", "--end-of-options", f"{names.sha(sha)}^{{tree}}").text)


def diff(git: Git, old: str, new: str) -> tuple[FileChange, ...]:
    """What differs between two commits or trees, by path."""
    raws = ("diff-tree", "-r", "-z", "--raw", *_PLAIN, "--end-of-options")
    records = git.run(*raws, names.sha(old), names.sha(new)).out.split(b"\0")[:-1]
    counts = _line_counts(git, old, new)
    changes = []
    for about, path in zip(records[::2], records[1::2], strict=True):
        old_mode, new_mode, _, _, status = about[1:].decode().split(" ")
        sections = [next(counts, None) for _ in range(2 if status[:1] == "T" else 1)]
        if None in sections:
            raise GitError("the difference of two commits", why="git told fewer patches than changed files.")
        lines = (
            sum(added for added, _ in filter(None, sections)),
            sum(removed for _, removed in filter(None, sections)),
        )
        changes.append(_change(path, status[:1], lines, (old_mode, new_mode)))
    return tuple(sorted(changes, key=lambda change: change.path))


def _line_counts(git: Git, old: str, new: str) -> Iterator[tuple[int, int]]:
    """Lines added and removed, a pair for each patch in the order of the raw records; a change of type has two.

    Counted from patches, since `--numstat` counts nothing where an attribute, such as our own `-diff`, says binary,
    with `--text` too (git 2.39.5). Without `-z` paths are quoted, so that no path looks like the head of a patch.
    """
    asked = ("diff-tree", "-r", "-p", "--text", "--unified=0", "--no-color", *_PLAIN, "--end-of-options")
    added = removed = 0
    inside = started = False
    for line in git.run(*asked, names.sha(old), names.sha(new)).out.split(b"\n"):
        if line.startswith(b"diff --git "):
            if started:
                yield added, removed
            added = removed = 0
            inside, started = False, True
        elif line.startswith(b"@@ "):
            inside = True
        elif inside:
            added += line.startswith(b"+")
            removed += line.startswith(b"-")
    if started:
        yield added, removed


def _change(path: bytes, status: str, lines: tuple[int, int], modes: tuple[str, str]) -> FileChange:
    return FileChange(
        path=names.shown_path(path),
        status=status,
        added=lines[0],
        removed=lines[1],
        old_mode=modes[0],
        new_mode=modes[1],
    )


def patch(git: Git, old: str, new: str) -> bytes:
    """What is changed, without where: hash over the patch without line numbers and object names.

    Stricter than `git patch-id`: white space counts, and nothing is left out of a binary file.
    """
    asked = ("diff-tree", "-r", "-p", "--text", "--no-color", *_PLAIN, "--end-of-options")
    out = git.run(*asked, names.sha(old), names.sha(new)).out
    told = hashlib.sha256()
    for line in out.split(b"\n"):
        if line.startswith(b"@@ "):
            told.update(b"@@\n")
        elif not line.startswith(b"index "):
            told.update(line + b"\n")
    return told.digest()


def file(git: Git, sha: str, path: str, limit: int) -> bytes | None:
    """The bytes of a file in a commit; None when there is no file. Raises `GitError` when it is larger than `limit`."""
    if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        return None  # no tree holds such a name
    found = git.run("ls-tree", "-z", "--full-tree", names.sha(sha), "--", path).out
    about, _, name = found.rstrip(b"\0").partition(b"\t")
    if name != os.fsencode(path) or b" blob " not in about:
        return None
    blob = about.decode().split(" ")[2]
    if int(git.run("cat-file", "-s", blob).text) > limit:
        raise GitError("a file of a commit", why=f"It is larger than {limit} bytes.")
    return git.run("cat-file", "blob", blob).out


def commit_changes(git: Git, folder: Path, *, parent: str, author: Author, date: datetime, message: str) -> str | None:
    """One commit on `parent` with the files of the folder as they are; None when nothing differs.

    Files are read as bytes: the folder's own `.git`, attributes, filters and hooks have no part in it. New files that
    the folder's `.gitignore` leaves out are left out; submodules stay as they were; links are never followed.
    """
    with throw_away() as place:
        env = {"GIT_INDEX_FILE": str(place / "index")}
        git.run("read-tree", "--end-of-options", names.sha(parent), env=env)
        git.run("update-index", "-z", "--index-info", env=env, stdin=records(_steps(git, folder, env)))
        tree = names.sha(git.run("write-tree", env=env).text)
    if tree == tree_of(git, parent):
        return None
    return commit(git, tree, parents=(parent,), author=author, date=date, message=message)


def _steps(git: Git, folder: Path, env: Mapping[str, str]) -> Mapping[bytes, Entry | None]:
    """What has to change in the index, by path; None for what is gone."""
    tracked, present = entries(git, env), dict(_present(folder))
    modules = tuple(path + b"/" for path, entry in tracked.items() if entry.mode == SUBMODULE)
    present = {path: about for path, about in present.items() if not path.startswith(modules)}
    mine = {path for path, entry in tracked.items() if entry.mode != SUBMODULE}
    found: dict[bytes, Entry | None] = dict.fromkeys(mine - present.keys())
    for path in sorted(present.keys() & (mine | (_untracked(git, folder, env) - tracked.keys()))):
        now = _entry(git, folder, path, present[path], tracked.get(path))
        if now != tracked.get(path):
            found[path] = now
    return found


def _untracked(git: Git, folder: Path, env: Mapping[str, str]) -> set[bytes]:
    asked = ("ls-files", "--others", "--exclude-per-directory=.gitignore", "-z")
    return set(git.run(*asked, env={**env, "GIT_WORK_TREE": str(folder)}).out.split(b"\0")) - {b""}


def _present(folder: Path) -> Iterator[tuple[bytes, os.stat_result]]:
    """Files and symbolic links below the folder, never through a link, and nothing of any `.git`."""
    root = os.fsencode(folder)
    for place, inner, files in os.walk(root):
        inner[:] = [name for name in inner if name.lower() != b".git"]
        for name in (*files, *(n for n in inner if stat.S_ISLNK(os.lstat(os.path.join(place, n)).st_mode))):  # noqa: PTH118 -- bytes
            path = os.path.join(place, name)  # noqa: PTH118 -- names are bytes, which pathlib does not take
            about = os.lstat(path)
            if name.lower() != b".git" and (stat.S_ISREG(about.st_mode) or stat.S_ISLNK(about.st_mode)):
                yield os.path.relpath(path, root), about


def _entry(git: Git, folder: Path, path: bytes, about: os.stat_result, was: Entry | None) -> Entry:
    content, mode = _read(folder, path, about)
    if mode != SYMLINK and was is not None and was.mode == SYMLINK:
        mode = SYMLINK  # our worktrees keep links as small files
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if was is None or blob != was.blob:
        blob = git.run("hash-object", "-w", "-t", "blob", "--no-filters", "--stdin", stdin=content).text
    return Entry(mode=mode, blob=blob)


def _read(folder: Path, path: bytes, about: os.stat_result) -> tuple[bytes, str]:
    full = os.path.join(os.fsencode(folder), path)  # noqa: PTH118 -- names are bytes, which pathlib does not take
    if stat.S_ISLNK(about.st_mode):
        return os.readlink(full), SYMLINK  # noqa: PTH115 -- as above
    if about.st_size > MOST_FILE_BYTES:
        raise GitError("a commit of a folder", why=f"{names.shown_path(path)!r:.200} is too large for GitHub.")
    descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor that followed no link
        return file.read(MOST_FILE_BYTES), "100755" if about.st_mode & stat.S_IXUSR else "100644"
