"""The tree of a revert, made from objects alone: no checkout, so no filter, hook, attribute or link can take part.

A revert is a three-way merge: base is the target, ours the tip, theirs the target's parent. It is done path by path in
an index of ours; a file that both sides changed goes through `git merge-file`, which knows no attributes, so a
`merge=union` or a merge driver of the tree is never asked. Renames are not followed: they end as a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cicatrix.core.changes import ABSENT
from cicatrix.core.heal_reasons import HealReason
from cicatrix.git import names
from cicatrix.git.errors import RevertRefused
from cicatrix.git.run import Git
from cicatrix.git.worktree import throw_away

REGULAR = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands at one path of a tree."""

    mode: str
    blob: str


def merged(git: Git, *, base: str, ours: str, theirs: str) -> str:
    """The tree of the merge. Raises `RevertRefused` with `revert_conflict` when any path does not merge cleanly."""
    with throw_away() as place:
        env = {"GIT_INDEX_FILE": str(place / "index")}
        git.run("read-tree", "--end-of-options", names.sha(ours), env=env)
        here = entries(git, env)
        steps = {
            path: _step(git, place, path, (old, here.get(path), new))
            for path, (old, new) in _changed(git, base, theirs).items()
        }
        git.run("update-index", "-z", "--index-info", env=env, stdin=records(steps))
        if entries(git, env) != {path: entry for path, entry in {**here, **steps}.items() if entry is not None}:
            # git makes room for a file by dropping the folder in its place, and the other way round
            raise RevertRefused(HealReason.REVERT_CONFLICT, "A file stands where the other side has a folder.")
        return names.sha(git.run("write-tree", env=env).text)


def entries(git: Git, env: Mapping[str, str]) -> Mapping[bytes, Entry]:
    """What stands in the index that `env` names."""
    found = {}
    for record in git.run("ls-files", "-s", "-z", env=env).out.split(b"\0")[:-1]:
        about, _, path = record.partition(b"\t")
        mode, blob, _ = about.decode().split(" ")
        found[path] = Entry(mode=mode, blob=blob)
    return found


def records(steps: Mapping[bytes, Entry | None]) -> bytes:
    """Input for `update-index --index-info`: deletions first, so that a file may take a folder's place."""
    gone = [f"0 {'0' * 40}\t".encode() + path + b"\0" for path, entry in steps.items() if entry is None]
    there = [f"{e.mode} {e.blob}\t".encode() + path + b"\0" for path, e in steps.items() if e is not None]
    return b"".join(gone + there)


def _changed(git: Git, old: str, new: str) -> Mapping[bytes, tuple[Entry | None, Entry | None]]:
    asked = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--end-of-options")
    tokens = iter(git.run(*asked, names.sha(old), names.sha(new)).out.split(b"\0")[:-1])
    found = {}
    for about in tokens:
        old_mode, new_mode, old_blob, new_blob, _ = about[1:].decode().split(" ")
        found[next(tokens)] = (_entry(old_mode, old_blob), _entry(new_mode, new_blob))
    return found


def _entry(mode: str, blob: str) -> Entry | None:
    return None if mode == ABSENT else Entry(mode=mode, blob=blob)


def _step(git: Git, place: Path, path: bytes, sides: tuple[Entry | None, Entry | None, Entry | None]) -> Entry | None:
    """What stands at the path afterwards; None when nothing does."""
    base, ours, theirs = sides
    if ours == base:
        return theirs
    if ours == theirs:
        return ours
    if base is None or ours is None or theirs is None or not {base.mode, ours.mode, theirs.mode} <= REGULAR:
        raise _conflict(path)
    mode = ours.mode if theirs.mode == base.mode else theirs.mode
    content = _content(git, place, path, (ours.blob, base.blob, theirs.blob))
    blob = git.run("hash-object", "-w", "-t", "blob", "--no-filters", "--stdin", stdin=content).text
    return Entry(mode=mode, blob=blob)


def _content(git: Git, place: Path, path: bytes, blobs: tuple[str, str, str]) -> bytes:
    files = []
    for name, blob in zip(("ours", "base", "theirs"), blobs, strict=True):
        (place / name).write_bytes(git.run("cat-file", "blob", blob).out)
        files.append(str(place / name))
    done = git.run("merge-file", "--stdout", "--quiet", *files, also=tuple(range(1, 256)))
    if done.code:
        raise _conflict(path)
    return done.out


def _conflict(path: bytes) -> RevertRefused:
    return RevertRefused(
        HealReason.REVERT_CONFLICT, f"Later commits changed what it did in {names.shown_path(path)!r:.200}."
    )
