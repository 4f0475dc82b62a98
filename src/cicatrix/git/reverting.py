"""Undoing one named commit by a new one, or saying why not. Nothing is believed: the result is judged as well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cicatrix.core.heal_reasons import HealReason
from cicatrix.git import changes, history, names, trees
from cicatrix.git.changes import Author
from cicatrix.git.errors import RevertRefused
from cicatrix.git.run import Git

HEADS = "refs/cicatrix/heads/"
"""Where the mirror keeps the remote's branches. Nothing else lives there, and no branch of ours is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverted:
    """A revert that holds: a commit in the mirror, not pushed yet."""

    sha: str
    tree: str
    deleted: tuple[str, ...]
    """Files that it removes; the target had added each of them."""


def revert(
    git: Git, target: str, *, tip: str, mainline: int | None, author: Author, date: datetime, message: str
) -> Reverted:
    """A commit on the tip that undoes the target, and nothing else. Raises `RevertRefused` in any other case.

    `mainline` names the parent (1 or 2) to go back to and is needed for a merge alone. The commit exists in the mirror
    only; a folder or a ref is never changed.
    """
    parent = _checked(git, names.sha(target), names.sha(tip), mainline)
    tree = trees.merged(git, base=target, ours=tip, theirs=parent)
    if tree == changes.tree_of(git, tip):
        raise RevertRefused(HealReason.ALREADY_REVERTED, "The tip holds nothing of this commit any more.")
    deleted = judged(git, target=target, parent=parent, tip=tip, tree=tree)
    sha = changes.commit(git, tree, parents=(tip,), author=author, date=date, message=message)
    return Reverted(sha=sha, tree=tree, deleted=deleted)


def _checked(git: Git, target: str, tip: str, mainline: int | None) -> str:
    """The parent to go back to, once everything holds that a right revert needs."""
    if history.is_shallow(git):
        raise RevertRefused(HealReason.SHALLOW_CLONE, "History is cut off, so parents cannot be trusted.")
    if not git.run("for-each-ref", "--count=1", f"--points-at={tip}", HEADS, also=(129,)).out:
        raise RevertRefused(HealReason.TIP_MOVED, "No branch of the mirror stands at this tip any more.")
    commit = history.raw_commits(git, [target]).get(target)
    if commit is None or not history.is_ancestor(git, target, tip):
        raise RevertRefused(HealReason.TARGET_NOT_REACHABLE, "The branch does not contain this commit.")
    parent = _parent(commit.parents, mainline)
    if not history.has(git, parent):
        raise RevertRefused(HealReason.SHALLOW_CLONE, "The commit's parent is not there.")
    if len(commit.parents) > 1 and parent not in history.first_parents(git, tip):
        raise RevertRefused(
            HealReason.TARGET_NOT_REACHABLE, f"Parent {mainline} of this merge is not on the branch's own line."
        )
    return parent


def _parent(parents: tuple[str, ...], mainline: int | None) -> str:
    if not parents:
        raise RevertRefused(HealReason.ROOT_COMMIT, "The first commit has nothing before it.")
    if len(parents) > 2:
        raise RevertRefused(HealReason.OCTOPUS_MERGE, f"It merges {len(parents)} parents at once.")
    if (len(parents) == 2) != (mainline is not None) or mainline not in (None, 1, 2):
        raise ValueError("name the mainline parent of a merge, 1 or 2, and of nothing else")
    return parents[(mainline or 1) - 1]


def judged(git: Git, *, target: str, parent: str, tip: str, tree: str) -> tuple[str, ...]:
    """The files that the tree lacks against the tip, once it is proven to undo the target and nothing else.

    Raises `RevertRefused` with `wrong_tree`.
    """
    if target == tip and tree != changes.tree_of(git, parent):
        raise RevertRefused(HealReason.WRONG_TREE, "Undoing the newest commit must give the tree before it.")
    if changes.patch(git, tip, tree) != changes.patch(git, target, parent):
        raise RevertRefused(HealReason.WRONG_TREE, "The revert changes something else than the reverse of the commit.")
    return removed(git, target=target, parent=parent, tip=tip, tree=tree)


def removed(git: Git, *, target: str, parent: str, tip: str, tree: str) -> tuple[str, ...]:
    """The files of the tip that the tree lacks. Raises `RevertRefused` unless the target had added each of them."""
    gone = {c.path for c in changes.diff(git, tip, tree) if c.status == "D"}
    added = {c.path for c in changes.diff(git, parent, target) if c.status == "A"}
    if not gone <= added:
        raise RevertRefused(HealReason.WRONG_TREE, "It would delete files that the commit did not add.")
    return tuple(sorted(gone))
