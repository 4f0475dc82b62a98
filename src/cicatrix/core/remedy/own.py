"""The fixes that a repository's registry brings along."""

from __future__ import annotations

from cicatrix.core.actions import ActionType
from cicatrix.core.registry.model import OwnRemedy, Registry
from cicatrix.core.remedy.model import Remedy, Stage


def own_remedies(registry: Registry | None) -> tuple[Remedy, ...]:
    """The own fixes of `apply_remediation`. They run after those of the catalogue, and whatever is not well."""
    action = registry.action(ActionType.APPLY_REMEDIATION) if registry else None
    return tuple(map(_remedy, action.remedies)) if action and action.enabled else ()


def _remedy(own: OwnRemedy) -> Remedy:
    return Remedy(
        id=own.id,
        ecosystem="own",
        trigger=None,
        stage=Stage.OWN,
        command=own.command,
        risk=own.risk,
        paths=own.paths,
        about=own.about or "A fix of the repository's own.",
    )
