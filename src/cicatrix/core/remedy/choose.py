"""Which fixes may run on a measured commit, in which order, and why the others do not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import CheckState, Measurement
from cicatrix.core.remedy.catalogue import REMEDIES
from cicatrix.core.remedy.model import Declined, Remedy, Risk, matches

_ILL = frozenset({CheckState.FAIL, CheckState.WARNING})
"""An unknown component triggers nothing: nobody knows that something is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """`run` in order; `declined` in the order of their ids. A fix that nothing triggers stands in neither."""

    run: tuple[Remedy, ...] = ()
    declined: tuple[Declined, ...] = ()

    @property
    def suggested(self) -> tuple[str, ...]:
        """Ids of the fixes that only a person may run."""
        return tuple(d.id for d in self.declined if d.reason is HealReason.HIGH_RISK)


def choose(
    measurement: Measurement, allow: Collection[str], root: Iterable[str], catalogue: Iterable[Remedy] = REMEDIES
) -> Chosen:
    """The allow-listed fixes for what is red, formatters first. `root` names the files at the repository's root.

    What fits and is not allowed is told; so is an allowed id that is no fix at all.
    """
    known = {remedy.id: remedy for remedy in catalogue}
    names = tuple(root)
    fitting = [remedy for remedy in known.values() if fits(remedy, names) and triggered(remedy, measurement)]
    declined = [found for remedy in fitting if (found := _declined(remedy, allow))]
    declined += [_unknown(name) for name in set(allow) - set(known)]
    dropped = {d.id for d in declined}
    run = sorted((r for r in fitting if r.id not in dropped), key=lambda remedy: (remedy.stage, remedy.id))
    return Chosen(run=tuple(run), declined=tuple(sorted(declined, key=lambda d: d.id)))


def fits(remedy: Remedy, root: Collection[str]) -> bool:
    """Whether the repository has a file that the fix needs."""
    return not remedy.needs or any(matches(pattern, name) for pattern in remedy.needs for name in root)


def triggered(remedy: Remedy, measurement: Measurement) -> bool:
    """Whether a component that the fix is for was measured and is not well."""
    wanted = (remedy.trigger,) if remedy.trigger else tuple(c.component for c in measurement.components)
    return any((score := measurement.component(c)) is not None and score.state in _ILL for c in wanted)


def _declined(remedy: Remedy, allow: Collection[str]) -> Declined | None:
    if remedy.id not in allow:
        why = f"remediation.allow of the lawbook does not list {remedy.id}"
        return Declined(id=remedy.id, reason=HealReason.REMEDY_NOT_ALLOWED, why=why)
    if remedy.risk is Risk.HIGH:
        why = f"of high risk, so a person runs it: {' '.join(remedy.command)}"
        return Declined(id=remedy.id, reason=HealReason.HIGH_RISK, why=why)
    return None


def _unknown(name: str) -> Declined:
    why = "remediation.allow lists it, and neither the catalogue nor the registry has it"
    return Declined(id=name, reason=HealReason.REMEDY_NOT_ALLOWED, why=why)
