"""Versions as far as a change of them has to be judged: which part changed. Nothing here resolves a range."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"[vV]?(?:(\d{1,9})!)?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")
_SPEC = re.compile(r"(?:\^|~=|~|===|==|>=|=)?\s*([vV]?\d[0-9A-Za-z.!+-]{0,60})")

Numbers = tuple[int, int, int, int]
"""Epoch, major, minor, patch; what is not written is 0."""


def numbers(version: str) -> Numbers | None:
    """The leading numbers of a version such as `1.2.3`, `v1.2.3-rc.1` or `1!2.0`; None when it does not begin so."""
    found = _NUMBERS.match(version.strip()[:80])
    if found is None:
        return None
    epoch, major, minor, patch = (int(part or 0) for part in found.groups())
    return epoch, major, minor, patch


def floor(spec: str) -> str | None:
    """The version that a simple range begins with: `^1.2`, `~=1.2`, `>=1.2,<2`, `==1.2.3`. None for anything else.

    A URL, a branch, a path, a bare `*`, `<2` or an alternative (`||`) has none: two of those cannot be compared.
    """
    joined = re.sub(r"([<>=~^!])\s+", r"\1", spec.strip()[:200])
    words = [part for part in re.split(r"[,\s]+", joined) if part]
    if not words or "||" in spec:
        return None
    found = _SPEC.fullmatch(words[0])
    upper = all(word.startswith(("<", "!=")) for word in words[1:])
    return found[1] if found and upper else None


def same_major(before: str, after: str) -> bool:
    """Whether both are versions that promise to be compatible: equal epoch and major, and below 1.0 equal minor.

    Semantic versioning promises nothing between 0.1 and 0.2 (https://semver.org/#spec-item-4).
    """
    a, b = numbers(before), numbers(after)
    if a is None or b is None:
        return before == after
    return a[:3] == b[:3] if a[1] == 0 else a[:2] == b[:2]


def upgrade_type(before: str, after: str) -> str:
    """`patch`, `minor` or `major`, as the seed names them; `exact` where the two cannot be told apart by numbers."""
    a, b = numbers(before), numbers(after)
    if a is None or b is None or a == b:
        return "exact"
    if a[:2] != b[:2]:
        return "major"
    return "minor" if a[2] != b[2] else "patch"


def later(version: str, than: str) -> bool:
    """Whether the leading numbers are higher."""
    a, b = numbers(version), numbers(than)
    return a is not None and b is not None and a > b


def final(version: str) -> bool:
    """Whether it is a release: nothing behind the numbers but more numbers, or a post release."""
    return (
        re.fullmatch(r"[vV]?(?:\d{1,9}!)?\d{1,9}(?:\.\d{1,9}){0,5}(?:\.post\d{1,9})?", version.strip()[:80]) is not None
    )
