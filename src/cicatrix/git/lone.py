"""A throw-away mirror that holds one commit of somebody's checkout: for work that is shown and never pushed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from cicatrix.git.local import LocalTree
from cicatrix.git.mirror import Mirror
from cicatrix.git.remote import Remote
from cicatrix.git.worktree import throw_away

_NOWHERE = "https://localhost/nobody/nowhere.git"


@contextmanager
def lone_mirror(tree: LocalTree, *, git: str = "git", timeout: float = 120.0) -> Iterator[Mirror]:
    """A mirror with the tree's commit and files, without its history, and with a remote that answers nobody.

    To be made before any foreign command runs in the tree: its packs are taken over as they are. Raises `GitError`.
    """
    with throw_away() as place:
        mirror = Mirror.open(place / "mirror.git", Remote(_NOWHERE, lambda: None), timeout=timeout, git=git)
        packs = mirror.git.folder / "objects" / "pack"
        packs.mkdir(parents=True, exist_ok=True)
        for pack in sorted((tree.path / ".git" / "objects" / "pack").glob("pack-*")):
            shutil.copyfile(pack, packs / pack.name)
        yield mirror
