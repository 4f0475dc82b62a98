"""Reads of a history: commits as facts. Objects are read raw, so neither grafts nor replacements can change them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cicatrix.core.redact import clean
from cicatrix.core.rollback.model import CommitFacts
from cicatrix.git import names
from cicatrix.git.errors import GitError
from cicatrix.git.run import Git

WORKFLOWS = ".github/workflows/"
TRAILERS = {name.lower(): name for name in ("Cicatrix-Rollback", "Cicatrix-Case", "Cicatrix-Operation")}
OPTED_OUT = "never"

_REVERTS = re.compile(r"^This reverts commit ([0-9a-f]{40}(?:[0-9a-f]{24})?)\b", re.MULTILINE)
_TRAILER = re.compile(r"(Cicatrix-[A-Za-z]+):[ \t]*(.{1,200})\Z", re.IGNORECASE)
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A commit object as it is stored."""

    tree: str
    parents: tuple[str, ...]
    committed_at: datetime
    message: str


def raw_commits(git: Git, shas: Iterable[str]) -> Mapping[str, Raw]:
    """The commit objects that are there, by name; what is missing or is no commit is left out."""
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    out, at, found = git.run("cat-file", "--batch", stdin=asked).out, 0, {}
    while at < len(out):
        end = out.index(b"\n", at)
        name, kind, *size = out[at:end].decode().split(" ")
        at = end + 1
        if not size:
            continue  # "missing": nothing follows
        body = out[at : at + int(size[0])]
        at += len(body) + 1
        if kind == "commit":
            found[name] = _parsed(body)
    return found


def _parsed(body: bytes) -> Raw:
    head, _, message = body.partition(b"\n\n")
    fields: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        fields.setdefault(key, []).append(value)
    return Raw(
        tree=fields[b"tree"][0].decode(),
        parents=tuple(parent.decode() for parent in fields.get(b"parent", [])),
        committed_at=_time(fields.get(b"committer", [b""])[0]),
        message=message.decode("utf-8", "replace"),
    )


def _time(committer: bytes) -> datetime:
    """A date that cannot be read, or lies outside of the calendar, is the oldest: too old for any rollback."""
    try:
        return datetime.fromtimestamp(int(committer.rsplit(b" ", 2)[1]), UTC)
    except (IndexError, ValueError, OverflowError, OSError):
        return _EPOCH


def facts(git: Git, shas: Iterable[str]) -> tuple[CommitFacts, ...]:
    """Facts of these commits, in the given order. Raises `GitError` when one is not there."""
    wanted = list(shas)
    raw = raw_commits(git, wanted)
    missing = [sha for sha in wanted if sha not in raw]
    if missing:
        raise GitError("a history", why=f"The commit {missing[0]} is not in the mirror.")
    paths = _paths(git, {sha: raw[sha].parents[0] for sha in wanted if raw[sha].parents})
    return tuple(_facts(sha, raw[sha], paths.get(sha, ())) for sha in wanted)


def _facts(sha: str, raw: Raw, paths: tuple[str, ...]) -> CommitFacts:
    reverted = _REVERTS.search(raw.message)
    return CommitFacts(
        sha=sha,
        parents=raw.parents,
        committed_at=raw.committed_at,
        tree=raw.tree,
        paths=paths,
        reverts=reverted[1] if reverted else None,
        trailers=_trailers(raw.message),
        touches_workflows=any(path.startswith(WORKFLOWS) for path in paths),
    )


def _trailers(message: str) -> Mapping[str, str]:
    last = message.replace("\r\n", "\n").rstrip().rpartition("\n\n")[2]
    found: dict[str, str] = {}
    for line in last.split("\n"):
        match = _TRAILER.match(line.strip())
        name = TRAILERS.get(match[1].lower()) if match else None
        if match and name:
            found.setdefault(name, clean(match[2]).strip())
    if found.get("Cicatrix-Rollback", OPTED_OUT).lower() != OPTED_OUT:
        del found["Cicatrix-Rollback"]
    return found


def _paths(git: Git, parents: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Each commit's paths against its first parent, in one call."""
    asked = "".join(f"{sha} {parent}\n" for sha, parent in parents.items()).encode()
    flags = ("--stdin", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--no-textconv")
    found: dict[str, list[str]] = {}
    tokens = iter(git.run("diff-tree", *flags, stdin=asked).out.split(b"\0"))
    current = ""
    for token in tokens:
        if token.startswith(b":"):
            found[current].append(names.shown_path(next(tokens)))
        elif token:
            current = token.decode()
            found[current] = []
    return {sha: tuple(sorted(paths)) for sha, paths in found.items()}


def first_parents(git: Git, tip: str, *, limit: int | None = None, after: str | None = None) -> tuple[str, ...]:
    """The branch's own line from the tip back, newest first; `after` leaves out that commit and all before it."""
    bound = () if limit is None else (f"--max-count={limit:d}",)
    excluded = () if after is None else (f"^{names.sha(after)}",)
    asked = ("rev-list", "--first-parent", *bound, "--end-of-options", names.sha(tip), *excluded)
    return tuple(git.run(*asked).text.split())


def is_ancestor(git: Git, older: str, newer: str) -> bool:
    """Whether `newer` contains `older`; a commit contains itself. False when one is not there."""
    return git.asks("merge-base", "--is-ancestor", "--end-of-options", names.sha(older), names.sha(newer))


def has(git: Git, sha: str) -> bool:
    return git.asks("cat-file", "-e", "--end-of-options", f"{names.sha(sha)}^{{commit}}")


def is_shallow(git: Git) -> bool:
    """Whether history is cut off anywhere; grafts cut it too."""
    said = git.run("rev-parse", "--is-shallow-repository").text
    return said != "false" or (git.folder / "shallow").exists() or (git.folder / "info" / "grafts").exists()


def descendants_touching(git: Git, target: str, tip: str) -> tuple[str, ...]:
    """Later commits of the branch's own line that change a path which the target changes, newest first."""
    (own,) = facts(git, [names.sha(target)])
    later = facts(git, first_parents(git, tip, after=target))
    return tuple(commit.sha for commit in later if not set(own.paths).isdisjoint(commit.paths))


def reverted_by(git: Git, target: str, tip: str) -> str | None:
    """The commit up to the tip that says it reverts the target, unless that one is reverted itself."""
    saying = ("--topo-order", "--fixed-strings", "--grep=This reverts commit")
    asked = ("rev-list", *saying, "--end-of-options", names.sha(tip), f"^{names.sha(target)}")
    later = git.run(*asked).text.split()
    standing: dict[str, str] = {}
    # newest first: a revert that stands already undid what it names, so the older one never counts
    for sha, raw in raw_commits(git, later).items():
        said = _REVERTS.search(raw.message)
        if said and sha not in standing:
            standing.setdefault(said[1], sha)
    return standing.get(target)
