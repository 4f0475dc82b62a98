"""The access policy: on which repositories, branches and paths a service may act at all (AU-1, seed 000 I711).

The variable `GITHUB_REPO_ALLOWLIST` holds `{"allowlist": [{"owner", "repo", "branches", "paths"}]}`; without `branches`
it is `["main"]`, without `paths` every path. `*` stands for any text without `/`, `**` for any text. A branch pattern
may be written out as `refs/heads/...`; tags are allowed by `refs/tags/...` alone, so that a tag `main` is not the
branch `main`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cicatrix.core.canonical import canonical_hash
from cicatrix.core.lawbook.kinds import Invalid, Names, Text
from cicatrix.core.lawbook.problems import Problems
from cicatrix.core.lawbook.records import Field
from cicatrix.core.registry.forms import Maybe, Record, Several

REPO_NOT_ALLOWED = "REPO_NOT_ALLOWED"
BRANCH_NOT_ALLOWED = "BRANCH_NOT_ALLOWED"
PATH_NOT_ALLOWED = "PATH_NOT_ALLOWED"
POLICY_CONFIG_ERROR = "POLICY_CONFIG_ERROR"

VARIABLE = "GITHUB_REPO_ALLOWLIST"
LONGEST = 1_048_576
"""Characters of the longest text that is read."""

_OWNER = Text(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "an owner's name; `*` stands in repo, branches and paths only")
_REPO = Text(r"(?!\.{1,2}(?![\s\S]))[A-Za-z0-9._*-]{1,100}", "a repository's name, where `*` stands for any text")
_PATTERN = Text(r"(?! )[^\x00-\x1f\x7f\ud800-\udfff]{1,300}", "a pattern of 1..300 characters on one line")
_FORM = Record(
    {
        "allowlist": Field(
            Several(
                Record(
                    {
                        "owner": Field(_OWNER, required=True),
                        "repo": Field(_REPO, required=True),
                        "branches": Field(Names(_PATTERN), ("main",)),
                        "paths": Field(Maybe(Names(_PATTERN)), None),
                    }
                ),
                most=5_000,
            ),
            required=True,
        )
    }
)
_HEADS, _TAGS = "refs/heads/", "refs/tags/"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefusal:
    """`code` is one of the seed's (and PATH_NOT_ALLOWED); `why` says what was asked, what is allowed and where."""

    code: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """One repository, or several by `*` in `repo`; both lower-case. `paths` None is every path."""

    owner: str
    repo: str
    branches: tuple[str, ...]
    paths: tuple[str, ...] | None

    def names(self, owner: str, repo: str) -> bool:
        return self.owner == owner.lower() and matches(self.repo, repo.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """What is not allowed by an entry is refused. Owners and repositories are compared without case."""

    entries: tuple[AccessEntry, ...]
    problem: str = ""
    """Why nothing at all is allowed, where the policy is missing or malformed."""

    @classmethod
    def parse(cls, text: str) -> AccessPolicy | tuple[str, ...]:
        """The policy that the variable's text makes, or everything wrong with it as sentences. Never raises.

        Unknown and repeated keys are wrong too: a policy that is misread might allow too much.
        """
        if len(text) > LONGEST:
            return (f"{VARIABLE} is longer than {LONGEST:,} characters",)
        try:
            tree = json.loads(text, object_pairs_hook=_each_key_once, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return (f"{VARIABLE} is not valid JSON: {_brief(error)}",)
        problems = Problems({}, VARIABLE)
        try:
            values = _FORM.read(tree, (), problems.report)
        except Invalid:
            return tuple(str(problem) for problem in problems.in_order())
        return cls(entries=tuple(sorted({_entry(v) for v in values["allowlist"]}, key=_order)))

    @classmethod
    def deny_all(cls, why: str) -> AccessPolicy:
        """The policy of a service whose allowlist is missing or malformed: everything is POLICY_CONFIG_ERROR."""
        return cls(entries=(), problem=why)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical form; order, case of names, and spelled-out defaults do not change it (AU-2)."""
        tree: dict[str, Any] = {"allowlist": [_tree(entry) for entry in self.entries]}
        return canonical_hash(tree | ({"denied": True} if self.problem else {}))

    def refusal(self, owner: str, repo: str) -> AccessRefusal | None:
        """Why nothing may be done in the repository; None when something may."""
        if self.problem:
            return AccessRefusal(
                code=POLICY_CONFIG_ERROR, why=f"{self.problem}; until that is set right, all is refused"
            )
        if self._entries(owner, repo):
            return None
        count = len(self.entries)
        where = {0: f"{VARIABLE} has no entry", 1: f"the one entry of {VARIABLE} is for another repository"}.get(
            count, f"none of the {count} entries of {VARIABLE} is for it"
        )
        why = f"{owner}/{repo} is not allowed: {where}; add an entry for it to allow it"
        return AccessRefusal(code=REPO_NOT_ALLOWED, why=why)

    def branch_refusal(self, owner: str, repo: str, branch: str) -> AccessRefusal | None:
        """Why nothing may be done to the branch: a bare name, or with `refs/heads/`. Branches differ by case."""
        return self._ref_refusal(owner, repo, branch.removeprefix(_HEADS), _HEADS, "branch")

    def tag_refusal(self, owner: str, repo: str, tag: str) -> AccessRefusal | None:
        """Why nothing may be done to the tag: a bare name, or with `refs/tags/`."""
        return self._ref_refusal(owner, repo, tag.removeprefix(_TAGS), _TAGS, "tag")

    def path_refusal(self, owner: str, repo: str, path: str) -> AccessRefusal | None:
        """Why a file may not be changed. The path is relative to the repository, with `/`, without `.` and `..`."""
        if (no := self.refusal(owner, repo)) is not None:
            return no
        plain = bool(path) and "\\" not in path and not {"", ".", ".."} & set(path.split("/"))
        patterns = [entry.paths for entry in self._entries(owner, repo)]
        if plain and any(p is None or any(matches(one, path) for one in p) for p in patterns):
            return None
        allowed = ", ".join(sorted({one for p in patterns for one in p or ()})[:10]) or "no path"
        what = f"the path {_brief(path)}" if plain else f"{_brief(path)}, which is no plain path,"
        why = f"{what} of {owner}/{repo} is not allowed by {VARIABLE}, which allows {allowed}"
        return AccessRefusal(code=PATH_NOT_ALLOWED, why=f"{why}; add it to paths to allow it")

    def _ref_refusal(self, owner: str, repo: str, name: str, prefix: str, kind: str) -> AccessRefusal | None:
        if (no := self.refusal(owner, repo)) is not None:
            return no
        patterns = sorted({one for entry in self._entries(owner, repo) for one in entry.branches})
        if name and not name.startswith("refs/") and any(matches(_full(one), prefix + name) for one in patterns):
            return None
        allowed = ", ".join(patterns[:10]) or "no branch"
        add = name if kind == "branch" else _TAGS + name
        what = f"the {kind} {_brief(name) or '(none)'} of {owner}/{repo}"
        why = f"{what} is not allowed by {VARIABLE}, which allows {allowed}; add {_brief(add)} to branches to allow it"
        return AccessRefusal(code=BRANCH_NOT_ALLOWED, why=why)

    def _entries(self, owner: str, repo: str) -> list[AccessEntry]:
        return [] if self.problem else [entry for entry in self.entries if entry.names(owner, repo)]


DENY_ALL = AccessPolicy.deny_all


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern. Takes time in proportion to both lengths, whatever they hold."""
    states = {0}
    tokens = re.findall(r"\*\*+|\*|[^*]", pattern, re.DOTALL)
    for char in text:
        states = {n for state in _reach(states, tokens) for n in _step(state, char, tokens)}
        if not states:
            return False
    return len(tokens) in _reach(states, tokens)


def _reach(states: set[int], tokens: list[str]) -> set[int]:
    """The states, and those after stars that stand for nothing."""
    found = set(states)
    for state in sorted(states):
        at = state
        while at < len(tokens) and tokens[at].startswith("*"):
            at += 1
            found.add(at)
    return found


def _step(state: int, char: str, tokens: list[str]) -> tuple[int, ...]:
    if state == len(tokens):
        return ()
    wanted = tokens[state]
    if wanted == "*":
        return () if char == "/" else (state,)
    if wanted.startswith("*"):
        return (state,)
    return (state + 1,) if wanted == char else ()


def _full(pattern: str) -> str:
    return pattern if pattern.startswith("refs/") else _HEADS + pattern


def _entry(values: Mapping[str, Any]) -> AccessEntry:
    return AccessEntry(
        owner=values["owner"].lower(),
        repo=values["repo"].lower(),
        branches=tuple(sorted({one.removeprefix(_HEADS) for one in values["branches"]})),
        paths=values["paths"],
    )


def _tree(entry: AccessEntry) -> dict[str, object]:
    return {
        "owner": entry.owner,
        "repo": entry.repo,
        "branches": list(entry.branches),
        "paths": None if entry.paths is None else list(entry.paths),
    }


def _order(entry: AccessEntry) -> tuple[str, str, tuple[str, ...], bool, tuple[str, ...]]:
    return (entry.owner, entry.repo, entry.branches, entry.paths is None, entry.paths or ())


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice: keep one")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _brief(value: object) -> str:
    text = "".join(char if char.isprintable() else "?" for char in str(value))
    return text if len(text) <= 100 else f"{text[:97]}..."
