"""What a remediation did about vulnerabilities: the seed's result, with numbers that can be trusted (RM-4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cicatrix.core.health.model import CheckState, Component, Measurement
from cicatrix.core.remedy.manifests import Manifest
from cicatrix.core.remedy.versions import floor, numbers, same_major, upgrade_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Vulnerabilities by severity."""

    critical: int = 0
    high: int = 0
    moderate: int = 0
    low: int = 0
    info: int = 0

    @property
    def weight(self) -> int:
        """The seed's weights; a notice of severity info has none."""
        return 25 * self.critical + 15 * self.high + 8 * self.moderate + 2 * self.low

    @property
    def total(self) -> int:
        return self.critical + self.high + self.moderate + self.low + self.info


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeAttempt:
    """One package that a fix raised, or tried to."""

    package: str
    current: str
    target: str
    type: str
    """patch, minor, major or exact."""
    safe: bool
    applied: bool
    error: str = ""
    vulnerabilities_fixed: int | None = None
    """None where the tool does not say it by package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualReview:
    """One package that a person has to look at."""

    package: str
    severity: str
    reason: str
    recommendation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityResult:
    """Before and after, and what was tried in between. None is a tally that could not be measured."""

    before: Tally | None
    after: Tally | None
    attempts: tuple[UpgradeAttempt, ...] = ()
    reviews: tuple[ManualReview, ...] = ()

    @property
    def effectiveness(self) -> int | None:
        return effectiveness(self.before, self.after)

    @property
    def improvement(self) -> int | None:
        """What `security_score_improvement` tells: the effectiveness, and 0 where nothing was there to be improved."""
        return 0 if self.before is not None and self.before.total == 0 else self.effectiveness

    def as_json(self) -> dict[str, Any]:
        """The seed's fields."""
        return {
            "before": _tally_json(self.before),
            "after": _tally_json(self.after),
            "upgradeAttempts": [_attempt_json(attempt) for attempt in self.attempts],
            "manualReviewRequired": [_review_json(review) for review in self.reviews],
            "summary": {
                "fixed": _fixed(self.before, self.after),
                "upgraded": sum(attempt.applied for attempt in self.attempts),
                "remainingCritical": None if self.after is None else self.after.critical,
                "remainingHigh": None if self.after is None else self.after.high,
                "effectiveness": self.effectiveness,
            },
        }


def effectiveness(before: Tally | None, after: Tally | None) -> int | None:
    """Percent of the weighted findings that are gone, 0..100, rounded half up.

    None when either is unknown, and when only notices without weight were found. 100 when nothing was found before and
    nothing is found now; 0 when the change brought what was not there.
    """
    if before is None or after is None:
        return None
    if before.total == 0:
        return 100 if after.total == 0 else 0
    if before.weight == 0:
        return None
    gone = before.weight - after.weight
    return max(0, min(100, (200 * gone + before.weight) // (2 * before.weight)))


def tally_of(measurement: Measurement | None) -> Tally | None:
    """The vulnerabilities that a measurement counted; None unless its security component was measured."""
    score = measurement.component(Component.SECURITY) if measurement else None
    if measurement is None or score is None or score.state in {CheckState.UNKNOWN, CheckState.SKIPPED}:
        return None
    checks = [result for result in measurement.results if result.component is Component.SECURITY]
    if any(result.state is CheckState.UNKNOWN for result in checks):
        return None
    return Tally(
        critical=sum(result.counts.critical for result in checks),
        high=sum(result.counts.high for result in checks),
        moderate=sum(result.counts.moderate for result in checks),
        low=sum(result.counts.low for result in checks),
        info=sum(finding.severity == "info" for result in checks for finding in result.findings),
    )


def upgrades(before: Manifest, after: Manifest, *, applied: bool, error: str = "") -> tuple[UpgradeAttempt, ...]:
    """Every package whose pinned version or written range differs between two manifests, by name."""
    found = {}
    for place in sorted(set(before.locked) & set(after.locked)):
        old, new = before.locked[place], after.locked[place]
        if len(old) == len(new) == 1 and old != new:
            name = place.rpartition("node_modules/")[2]
            found[name] = _attempt(name, old[0], new[0], applied=applied, error=error)
    for name in sorted(set(before.direct) & set(after.direct)):
        was, will = before.direct[name], after.direct[name]
        if was != will and name not in found:
            found[name] = _attempt(name, floor(was) or was, floor(will) or will, applied=applied, error=error)
    return tuple(found[name] for name in sorted(found))


def _attempt(name: str, current: str, target: str, *, applied: bool, error: str) -> UpgradeAttempt:
    known = numbers(current) is not None and numbers(target) is not None
    return UpgradeAttempt(
        package=name,
        current=current,
        target=target,
        type=upgrade_type(current, target),
        safe=known and same_major(current, target),
        applied=applied,
        error=error,
    )


def _fixed(before: Tally | None, after: Tally | None) -> int | None:
    return None if before is None or after is None else max(0, before.total - after.total)


def _tally_json(tally: Tally | None) -> Mapping[str, int] | None:
    if tally is None:
        return None
    names: Sequence[str] = ("critical", "high", "moderate", "low", "info")
    return {name: getattr(tally, name) for name in names} | {"total": tally.total}


def _attempt_json(attempt: UpgradeAttempt) -> dict[str, Any]:
    told = {
        "packageName": attempt.package,
        "currentVersion": attempt.current,
        "targetVersion": attempt.target,
        "upgradeType": attempt.type,
        "safe": attempt.safe,
        "applied": attempt.applied,
        "vulnerabilitiesFixed": attempt.vulnerabilities_fixed,
    }
    return told | ({"error": attempt.error} if attempt.error else {})


def _review_json(review: ManualReview) -> dict[str, Any]:
    return {
        "packageName": review.package,
        "severity": review.severity,
        "reason": review.reason,
        "recommendation": review.recommendation,
    }
