"""CODEOWNERS: who owns which file of a repository, by GitHub's rules.

https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in its order; the first file found is the only one that counts."""

_ANY_DEPTH = "**"
_SPACE = "\0"
_TEAM = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9_-]{0,99})/(?!\.{1,2}\Z)([A-Za-z0-9._-]{1,255})", re.ASCII)
_FORBIDDEN = ("!", "[", "]", "\\")
"""Negation, character ranges and escapes do not work in CODEOWNERS; a line with them is left out, as GitHub does."""


@dataclass(frozen=True)
class Rule:
    """One line: a pattern and the owners of what it matches. No owners: what it matches has none."""

    pattern: str
    owners: tuple[str, ...]
    """As written, such as `@octocat`, `@acme/reviewers` or an address."""
    line: int

    @cached_property
    def _segments(self) -> tuple[str, ...]:
        return _segments_of(self.pattern)

    def matches(self, path: str) -> bool:
        """Whether the pattern covers the file `path` (from the repository's root, without a slash before it)."""
        return _covers(self._segments, tuple(path.split("/")))


@dataclass(frozen=True)
class CodeOwners:
    """The rules of one file, in order."""

    rules: tuple[Rule, ...]

    @classmethod
    def parse(cls, text: str) -> CodeOwners:
        """Every line that GitHub would take; comments, empty lines and lines it cannot take are left out."""
        rules = []
        for number, line in enumerate(text.splitlines(), 1):
            words = _words(line)
            if not words or any(bad in words[0] for bad in _FORBIDDEN) or "***" in words[0]:
                continue
            if all("@" in owner for owner in words[1:]):
                rules.append(Rule(words[0], tuple(words[1:]), number))
        return cls(tuple(rules))

    def rule_for(self, path: str) -> Rule | None:
        """The last rule that matches the file: it alone counts."""
        return next((rule for rule in reversed(self.rules) if rule.matches(path)), None)

    def groups(self, paths: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """The owners of each owned file, each distinct group once: one owner of every group has to approve."""
        found = (self.rule_for(path) for path in paths)
        return tuple(dict.fromkeys(rule.owners for rule in found if rule is not None and rule.owners))


def team_of(owner: str) -> tuple[str, str] | None:
    """Organisation and slug of a team as CODEOWNERS (`@acme/reviewers`) or a registry (`acme/reviewers`) names it."""
    found = _TEAM.fullmatch(owner)
    return None if found is None else (found[1], found[2])


def counting(groups: Sequence[frozenset[str]], approved: frozenset[str], least: int) -> frozenset[str]:
    """The owners to look for among the approvals: `least` of them are there only when every group has that many.

    All owners when each group has; else the first group that has not, so that no owner of other files stands in for it.
    """
    for group in groups:
        if len(group & approved) < least:
            return group
    return frozenset(login for group in groups for login in group)


def _words(line: str) -> list[str]:
    """Pattern and owners; a `#` at the start of a word begins a comment, and a space after a backslash is a space."""
    words: list[str] = []
    for word in line.replace("\\ ", _SPACE).split():
        if word.startswith("#"):
            break
        words.append(word.replace(_SPACE, " "))
    return words


def _segments_of(pattern: str) -> tuple[str, ...]:
    """The pattern from the root, segment by segment. One without a slash inside matches at any depth."""
    inner = pattern.strip("/")
    if not inner:
        return ()
    segments = inner.split("/")
    anchored = pattern.startswith("/") or len(segments) > 1
    if not anchored:
        segments = [_ANY_DEPTH, *segments]
    if pattern.endswith("/"):
        segments.append(_ANY_DEPTH)  # a folder: what is in it, not a file of that name
    return tuple(segments)


def _covers(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether the segments match the file, or a folder that it lies in.

    `*` at the end stays in its folder (`docs/*` is not `docs/a/b.md`); any other last segment covers what lies below
    it. Keeps the set of places in `path` that the pattern so far can have reached, so no pattern costs more than
    the product of the two lengths.
    """
    if not pattern:
        return False
    reached = {0}
    for place, segment in enumerate(pattern):
        last = place == len(pattern) - 1
        if segment == _ANY_DEPTH:
            least = min(reached) + (1 if last else 0)  # at the end it stands for at least one name
            reached = set(range(least, len(path) + 1))
        else:
            reached = {n + 1 for n in reached if n < len(path) and _fits(segment, path[n])}
        if not reached:
            return False
    return len(path) in reached or pattern[-1] not in {"*", _ANY_DEPTH}


def _fits(segment: str, name: str) -> bool:
    """`*` for any characters and `?` for one; everything else, upper and lower case too, as it stands."""
    at, place, star, resume = 0, 0, -1, 0
    while at < len(name):
        if place < len(segment) and segment[place] == "*":
            star, resume, place = place, at, place + 1
        elif place < len(segment) and segment[place] in {"?", name[at]}:
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(c == "*" for c in segment[place:])
