"""A clean, throw-away checkout of one commit, in which foreign commands may run.

It is a repository of its own: the objects of that one commit are packed anew into it. A local clone would share
hard-linked objects, a linked worktree would share configuration, refs and hooks with the mirror; a command in either
could plant something that we run later. Here it can only spoil what is thrown away.
History is left out, as in a checkout of depth 1, the default of actions/checkout.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cicatrix.git import names
from cicatrix.git.errors import GitError
from cicatrix.git.run import Git

ATTRIBUTES = "* -text !eol -ident -filter !working-tree-encoding merge=text\n"
"""Bytes of a file are the bytes of its blob: no line ends, keywords, encodings or filter programs are applied."""


@contextmanager
def throw_away() -> Iterator[Path]:
    """An empty folder of our own that is gone afterwards, whatever was put into it."""
    place = Path(tempfile.mkdtemp(prefix="cicatrix-"))
    try:
        yield place
    finally:
        remove(place)


def remove(place: Path) -> None:
    """Remove a folder that foreign commands wrote to. Links are removed, never followed; read-only folders too."""
    for folder, inner, _ in os.walk(place):
        for name in inner:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)  # before the walk looks into it
    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def checkout(source: Git, sha: str, *, env: dict[str, str] | None = None) -> Iterator[Path]:
    """The files of the commit in a new folder, with a repository of their own; symbolic links stay small files."""
    commit = names.sha(sha)
    with throw_away() as place:
        folder = place / "worktree"
        own = _repository(source, folder)
        _copy_objects(source, commit, folder, env or {})
        _stand_on(own, commit, folder)
        yield folder


def _repository(source: Git, folder: Path) -> Git:
    own = Git(folder=folder / ".git", program=source.program, timeout=source.timeout)
    own.run("init", "--quiet", "--template=", "--end-of-options", str(folder), env={"GIT_WORK_TREE": str(folder)})
    own.run("config", "core.symlinks", "false")
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text(ATTRIBUTES, encoding="utf-8")
    return own


def _copy_objects(source: Git, commit: str, folder: Path, env: dict[str, str]) -> None:
    objects = source.run("rev-list", "--objects", "--no-walk", "--end-of-options", commit, env=env)
    listed = b"".join(line.split(b" ", 1)[0] + b"\n" for line in objects.out.splitlines())
    packs = folder / ".git" / "objects" / "pack"
    packs.mkdir(parents=True, exist_ok=True)
    source.run("pack-objects", "--quiet", "--end-of-options", str(packs / "pack"), stdin=listed, env=env)


def _stand_on(own: Git, commit: str, folder: Path) -> None:
    """HEAD is detached at the commit. Its parents are declared absent, as a depth-1 checkout does."""
    (own.folder / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    (own.folder / "shallow").write_text(f"{commit}\n", encoding="ascii")
    own.run("read-tree", "--reset", "-u", commit, env={"GIT_WORK_TREE": str(folder)})
    if not folder.is_dir():
        raise GitError("a clean worktree", why="git made no folder for it.")
