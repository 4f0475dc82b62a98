"""Safe bumps of `requirements.txt` from the report of pip-audit: patch and minor only, to the first fixed version."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cicatrix.core.remedy.manifests import normal, valid_name
from cicatrix.core.remedy.security import ManualReview, UpgradeAttempt
from cicatrix.core.remedy.versions import final, later, numbers, same_major, upgrade_type

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]{0,213})((?:\[[^\]\n]{0,200}\])?\s*==\s*)([0-9][0-9A-Za-z.!+-]{0,60})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerable:
    """One package of the report. `fixed_in` holds, for each vulnerability, the versions that are free of it."""

    name: str
    version: str
    fixed_in: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bumped:
    """The text with its raised lines, and what was and was not done."""

    text: str
    attempts: tuple[UpgradeAttempt, ...] = ()
    reviews: tuple[ManualReview, ...] = ()


def vulnerable(report: str) -> tuple[Vulnerable, ...] | None:
    """The vulnerable packages of a pip-audit report in JSON; None when it is none that can be believed.

    A package that the report skips was not audited: then nobody knows what is wrong, and the report is not believed.
    """
    try:
        listed = json.loads(report)["dependencies"]
        found = [_vulnerable(entry) for entry in listed]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return tuple(entry for entry in found if entry.fixed_in)


def _vulnerable(entry: Mapping[str, Any]) -> Vulnerable:
    name, version, known = entry["name"], entry["version"], entry["vulns"]
    if not isinstance(name, str) or not isinstance(version, str) or not valid_name(name):
        raise ValueError(name)
    fixed = tuple(tuple(str(v) for v in item["fix_versions"]) for item in known)
    return Vulnerable(name=normal(name), version=version, fixed_in=fixed)


def bump_requirements(text: str, found: Iterable[Vulnerable]) -> Bumped:
    """Raises each pinned line of a vulnerable package; a line with hashes is left to the lockfile's own tool."""
    wanted = {package.name: package for package in found}
    lines = text.splitlines(keepends=True)
    attempts: list[UpgradeAttempt] = []
    reviews: list[ManualReview] = []
    for place, line in enumerate(lines):
        pin = _PIN.match(line)
        package = wanted.pop(normal(pin[1]), None) if pin else None
        if pin is None or package is None:
            continue
        target = _target(package, pin[3])
        why = "is pinned with hashes" if "--hash" in line or line.rstrip().endswith("\\") else ""
        if target is None or why:
            reviews.append(_review(package.name, why or "has no fixed version of the same major"))
            continue
        lines[place] = f"{pin[1]}{pin[2]}{target}{line[pin.end() :]}"
        attempts.append(_attempt(package, pin[3], target))
    reviews += [_review(name, "is not pinned with == here") for name in sorted(wanted)]
    return Bumped(text="".join(lines), attempts=tuple(attempts), reviews=tuple(reviews))


def _target(package: Vulnerable, current: str) -> str | None:
    """The lowest release above the current one, of its major, that every vulnerability is fixed in or before."""
    needed = []
    for versions in package.fixed_in:
        fitting = [v for v in versions if final(v) and same_major(current, v) and later(v, current)]
        if not fitting:
            return None
        needed.append(min(fitting, key=_order))
    return max(needed, key=_order, default=None)


def _order(version: str) -> tuple[int, ...]:
    return numbers(version) or ()


def _attempt(package: Vulnerable, current: str, target: str) -> UpgradeAttempt:
    return UpgradeAttempt(
        package=package.name,
        current=current,
        target=target,
        type=upgrade_type(current, target),
        safe=True,
        applied=True,
        vulnerabilities_fixed=len(package.fixed_in),
    )


def _review(name: str, why: str) -> ManualReview:
    return ManualReview(
        package=name,
        severity="unknown",
        reason=f"{name} {why}",
        recommendation="Raise it by hand, and read its changelog first.",
    )
