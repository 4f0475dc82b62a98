"""Checks of the set-up that are about rights: registry, allowlist, stored lawbook, kill switches of the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cicatrix.core.access import AccessPolicy
from cicatrix.core.facts import Repository
from cicatrix.core.policy import Environment
from cicatrix.core.records import KillSwitch, StoredLawbook
from cicatrix.core.registry import ActiveRegistry, advice
from cicatrix.flows.doctor_model import Check, Health
from cicatrix.flows.registering import counts, stale
from cicatrix.ledger import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the ledger and the settings say about rights, as plain values."""

    registries: Sequence[ActiveRegistry] = ()
    lawbooks: Sequence[StoredLawbook] = ()
    """Those that are active for the deployment, and for the repository that was named."""
    switches: Sequence[KillSwitch] = ()
    repository: Repository | None = None
    """The repository that was named, as GitHub tells it; None without one, or when it cannot be read."""
    stale: Sequence[str] = ()
    """Stored registries that look as if they were for it and do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowlist:
    """The service's access policy. `problems` is why it denies everything."""

    policy: AccessPolicy
    configured: bool
    problems: Sequence[str]


def read_rights(view: View, host: str, repository: Repository | None) -> Rights:
    """What the ledger holds. Raises LedgerError."""
    owner_id, repository_id = (repository.owner_id, repository.id) if repository else ("", "")
    return Rights(
        registries=view.registries(),
        lawbooks=view.active_lawbooks(host, owner_id, repository_id),
        switches=view.kill_switches(),
        repository=repository,
        stale=stale(view, repository) if repository else (),
    )


def registry_checks(rights: Rights | None, environment: Environment, name: str | None) -> Iterator[Check]:
    """GE-4, RG-2. `name` is the repository that was named."""
    item, prod = "registry", environment is Environment.PROD
    if rights is None:
        says = "the ledger cannot be read, so no registry counts"
        if prod:
            remedy = "Mend the ledger (its own line says how): prod writes nothing without a registry."
            yield Check(item=item, health=Health.ERROR, says=says, remedy=remedy)
        return
    if rights.repository is not None:
        yield from _of_repository(rights, rights.repository, prod=prod)
    elif prod and not rights.registries:
        says = "prod refuses every write: no repository has a registry"
        yield Check(item=item, health=Health.ERROR, says=says, remedy=_APPLY)
    elif rights.registries or name is None:
        number = len(rights.registries)
        says = f"{number or 'no'} repositor{'y has' if number == 1 else 'ies have'} one"
        says += "" if number or prod else ": staging allows reruns under built-in limits"
        yield Check(item=item, health=Health.OK, says=says)
    for active in rights.registries:
        for problem in advice(active.registry):
            remedy = "Say what is meant in the document, then `cicatrix registry apply` it."
            yield Check(item=item, health=Health.ERROR, says=f"{active.full_name}: {problem}", remedy=remedy)


_APPLY = "`cicatrix registry apply FILE` makes a document count; `cicatrix registry schema` tells its form."


def _of_repository(rights: Rights, repository: Repository, *, prod: bool) -> Iterator[Check]:
    item = "registry"
    for line in rights.stale:
        yield Check(item=item, health=Health.ERROR if prod else Health.WARNING, says=line, remedy=_APPLY)
    active = next((a for a in rights.registries if counts(a, repository)), None)
    if active is not None:
        allowed = ", ".join(a.action_type for a in active.registry.allowed_actions if a.enabled) or "nothing"
        says = f"{active.registry.registry_id} {active.registry.version} (entry {active.activated_index}): {allowed}"
        yield Check(item=item, health=Health.OK, says=says)
    elif prod:
        says = f"prod refuses every write to {repository.full_name}: it has no registry"
        yield Check(item=item, health=Health.ERROR, says=says, remedy=_APPLY)
    elif not rights.stale:
        says = f"{repository.full_name} has none: staging allows reruns under built-in limits"
        yield Check(item=item, health=Health.OK, says=says)


def allowlist_check(allowlist: Allowlist, place: tuple[str, str] | None) -> Check:
    """AU-1. A shell asks no allowlist, so a missing one is no error here."""
    item = "allowlist"
    if allowlist.problems and allowlist.configured:
        says = f"{allowlist.problems[0]}; until that is set right, the service denies every repository"
        return Check(item=item, health=Health.ERROR, says=says, remedy="Correct it; docs/callers.md shows its form.")
    if allowlist.problems:
        says = "GITHUB_REPO_ALLOWLIST is not set: `cicatrix up` would deny every repository; a shell asks none"
        return Check(item=item, health=Health.OK, says=says)
    if place is not None and (refusal := allowlist.policy.refusal(*place)):
        says = f"the service may not act on {'/'.join(place)}: {refusal.why}"
        remedy = "Add it to GITHUB_REPO_ALLOWLIST if the service shall; a shell asks none."
        return Check(item=item, health=Health.WARNING, says=says, remedy=remedy)
    return Check(item=item, health=Health.OK, says=f"usable ({allowlist.policy.hash[:12]}), asked by `cicatrix up`")


EARLY, LATE = timedelta(days=14), timedelta(days=7)
"""How long before a token's end the doctor warns, and warns again (TK-3)."""


def expiry_check(expiry: datetime | None, now: datetime) -> Check:
    """When a personal token ends, as GitHub told it; it tells nothing of one without an end."""
    item = "token expiry"
    if expiry is None:
        says = "GitHub names no end of this token: rotate it every 90 days all the same (docs/tokens.md)"
        return Check(item=item, health=Health.OK, says=says)
    left = expiry - now
    says = f"it ends {expiry:%Y-%m-%d %H:%M} UTC, {_span(left)}"
    if left > EARLY:
        return Check(item=item, health=Health.OK, says=says)
    when = "now" if left <= LATE else "this week"
    remedy = f"Rotate it {when}, as every 90 days: make the new one, set it, run the doctor, revoke the old one."
    return Check(item=item, health=Health.WARNING, says=says, remedy=f"{remedy} docs/tokens.md tells each step.")


def _span(left: timedelta) -> str:
    if left <= timedelta(0):
        return "which is over"
    hours = int(left.total_seconds()) // 3600
    return f"in {hours // 24} days" if hours >= 48 else f"in {hours} hours"


def lawbook_checks(rights: Rights | None, *, file: str | None) -> Iterator[Check]:
    """The stored lawbooks that are active. `file` is the one given to the deployment, which stands before its own."""
    for stored in rights.lawbooks if rights else ():
        says = (
            f"{stored.scope} {stored.full_name}".strip()
            + f": version {stored.version} (entry {stored.activated_index})"
        )
        if stored.scope == "deployment" and file is not None:
            says += f"; {file} stands before it"
        yield Check(item="stored lawbook", health=Health.OK, says=says)


def switch_checks(rights: Rights | None) -> Iterator[Check]:
    """A switch that is set is no fault, but nobody should wonder why nothing is written."""
    for switch in rights.switches if rights else ():
        says = f"on for {switch.scope} {switch.target}".strip() + f": {switch.reason} ({switch.set_by})"
        remedy = "`cicatrix kill lift` allows writes again; in prod somebody else than who set it runs it."
        yield Check(item="kill switch", health=Health.WARNING, says=says, remedy=remedy)
