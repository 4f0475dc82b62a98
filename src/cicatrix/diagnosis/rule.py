"""What a rule is, what is refused in one, and the hash of a set of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from cicatrix.core.verdict import FailureClass, Strength

NEAR_END = 80
"""Lines before the place where a step died within which a hit counts as its last words."""

_CROSSES_LINES = re.compile(r"(?<!\\)(?:\\\\)*\\[sWD]|\[\^(?![^\]]*\\n)")
_REPEATED_GROUP = re.compile(r"(?<!\\)(?:\\\\)*\)(?:[+*]|\{\d*,\}|\{(?:\d*,)?\d{2,}\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One cause of failure and how it reads in a log.

    `match` and `unless` are patterns of a linear subset (no look-around, no back-reference, nothing that crosses a
    line), applied to one line without its timestamp, colour codes and `##[error]` mark. `steps` are globs on the failed
    step's name, used when the job's steps are known. `error_line`: the platform must have marked the line as an error.
    `warnings`: lines marked as warnings count too. `suspected` is the label of a rule whose class is unknown.
    """

    id: str
    failure_class: FailureClass
    strength: Strength
    match: tuple[str, ...]
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    steps: tuple[str, ...] = ("*",)
    near_end: int = NEAR_END
    rank: int = 0
    suspected: FailureClass | None = None
    error_line: bool = False
    warnings: bool = False

    def __post_init__(self) -> None:
        for pattern in (*self.match, *self.unless):
            problem = pattern_problem(pattern)
            if problem:
                raise ValueError(f"rule {self.id}: pattern {pattern!r} {problem}")

    def in_step(self, step: str | None) -> bool:
        """True when the rule may speak about `step`; an unknown step excludes nothing."""
        return step is None or any(fnmatchcase(step.casefold(), glob.casefold()) for glob in self.steps)


def pattern_problem(pattern: str) -> str | None:
    """Why `pattern` is refused, or None. What it accepts is linear in both engines and stays on one line."""
    if _REPEATED_GROUP.search(pattern):
        return "repeats a group without a bound below 10; that is how matching gets slow: write it out"
    if _CROSSES_LINES.search(pattern):
        return r"can cross a line end; write [ \t] for \s and put \n into negated classes"
    if re.search(r"\(\?[=!<]|\\[1-9]", pattern):
        return "uses look-around or a back-reference, which no linear engine has"
    try:
        re.compile(pattern.encode())
    except re.error as error:
        return f"does not compile: {error}"
    return None


def ruleset_hash(rules: Iterable[Rule]) -> str:
    """SHA-256 in hex of the canonical form of `rules` (sorted by id, sorted keys, no blanks)."""
    canonical = json.dumps(
        [asdict(rule) for rule in sorted(rules, key=lambda rule: rule.id)], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()
