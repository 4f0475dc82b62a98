"""Registries of repository actions: what a document would change (plan), and making it count (apply).

A registry counts for one repository, told by host, id and name together (RG-7): a renamed, transferred or recreated
repository has to be applied again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from cicatrix.core.facts import Repository
from cicatrix.core.registry import ActiveRegistry, Registry
from cicatrix.flows.context import Context
from cicatrix.flows.registry_diff import Change, changes
from cicatrix.github import GitHub, Refused
from cicatrix.ledger import View


class NotApplied(Exception):  # noqa: N818 -- named for what is the case, as GitHub's four errors are
    """A document that cannot be made to count. Nothing was stored."""

    def __init__(self, what: str, why: str, next_step: str) -> None:
        super().__init__(f"{what} {why}")
        self.what, self.why, self.next = what, why, next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A document against what is active. `changes` is empty when applying it would change nothing."""

    repository: Repository
    """As GitHub tells it now."""
    registry: Registry
    active: ActiveRegistry | None
    """What is active for this repository's id, whatever name it was registered under."""
    changes: tuple[Change, ...]
    remarks: tuple[str, ...]
    """Stored entries that look as if they were for this repository and do not count for it."""

    @property
    def current(self) -> bool:
        """Whether this very content is active for this very repository."""
        return not self.changes and self.active is not None and counts(self.active, self.repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    plan: Plan
    index: int | None
    """Ledger index of the entry; None when this very content was active already."""


def read_plans(ctx: Context, registries: Sequence[Registry]) -> tuple[Plan, ...]:
    """Each document against the ledger and the repository that it names, which is looked up at GitHub.

    Raises NotApplied for a repository that cannot be read, is called otherwise now, or is named by two documents;
    GitHubError when GitHub refuses the credentials or cannot be asked.
    """
    _each_once(registries)
    found = ctx.gather([partial(named_repository, ctx.github, registry) for registry in registries])
    with ctx.ledger.read() as view:
        return tuple(_plan(view, repository, r) for repository, r in zip(found, registries, strict=True))


def apply(ctx: Context, plans: Sequence[Plan], principal: str) -> tuple[Applied, ...]:
    """Make the documents count: all of them, or none. What is active already stays as it is, without an entry.

    Raises NotApplied when somebody applied another document since the plan was made, LedgerError when the ledger
    refuses (such as a registryId that belongs to another repository).
    """
    with ctx.ledger.write("registry") as tx:
        done = []
        for plan in plans:
            repository = plan.repository
            active = tx.active_registry(repository.host, repository.id)
            if _state(active) != _state(plan.active):
                raise NotApplied(
                    f"The registry of {repository.full_name} was changed by somebody else meanwhile.",
                    "What is active now is not what the plan was made against. Nothing was stored.",
                    "Look at it with `cicatrix registry plan FILE`, then apply again.",
                )
            index = (
                None
                if plan.current
                else tx.activate_registry(
                    host=repository.host,
                    repository_id=repository.id,
                    owner_id=repository.owner_id,
                    full_name=repository.full_name,
                    registry=plan.registry,
                    principal=principal,
                )
            )
            done.append(Applied(plan=plan, index=index))
    return tuple(done)


def counts(active: ActiveRegistry, repository: Repository) -> bool:
    """Whether the stored entry is for this very repository: host, id and name (case aside)."""
    return (
        active.host.lower() == repository.host.lower()
        and active.repository_id == repository.id
        and _same(active.full_name, repository.full_name)
    )


def stale(view: View, repository: Repository) -> tuple[str, ...]:
    """Stored entries that have this repository's id or its name, but not both, each as a sentence."""
    found = []
    by_id = view.active_registry(repository.host, repository.id)
    if by_id is not None and not counts(by_id, repository):
        found.append(
            f"entry {by_id.activated_index} is for {by_id.full_name}, and the repository with that id "
            f"({repository.id}) is called {repository.full_name} now (renamed or transferred): it counts no more until "
            "a document with the present name is applied"
        )
    by_name = view.registry_named(repository.host, repository.full_name)
    if by_name is not None and by_name.repository_id != repository.id:
        found.append(
            f"entry {by_name.activated_index} is for a {by_name.full_name} with the id {by_name.repository_id}, and "
            f"the repository of that name has the id {repository.id} now (recreated, or another one took the name): "
            "it does not count until the document is applied again"
        )
    return tuple(found)


def named_repository(github: GitHub, registry: Registry) -> Repository:
    """The repository that the document names. Raises NotApplied when GitHub does not know it by that name."""
    owner, _, name = registry.repository.partition("/")
    place = registry.origin("repository")
    try:
        found = github.repository(owner, name)
    except Refused as no:
        if no.status != 404:  # 404: Not Found; anything else is about the credentials and said by the error itself
            raise
        raise NotApplied(
            f"The repository {registry.repository} cannot be read.",
            f"{place} names it, and GitHub answers {no.status} to this token. Nothing was stored.",
            "Correct the name, or give the token read access to it: a registry is kept by the repository's id.",
        ) from no
    if not _same(found.full_name, registry.repository):
        raise NotApplied(
            f"The repository {registry.repository} is called {found.full_name} now.",
            f"{place} has its old name; rights do not pass from one name to another. Nothing was stored.",
            f"Write `repository: {found.full_name}` there if that is what is meant.",
        )
    return found


def _plan(view: View, repository: Repository, registry: Registry) -> Plan:
    active = view.active_registry(repository.host, repository.id)
    before = active if active is not None and counts(active, repository) else None
    return Plan(
        repository=repository,
        registry=registry,
        active=active,
        changes=changes(before.registry if before else None, registry),
        remarks=stale(view, repository),
    )


def _same(name: str, other: str) -> bool:
    """GitHub tells names that differ in case for the same."""
    return name.lower() == other.lower()


def _state(active: ActiveRegistry | None) -> tuple[str, int] | None:
    return None if active is None else (active.registry.hash, active.activated_index)


def _each_once(registries: Sequence[Registry]) -> None:
    seen: dict[str, Registry] = {}
    for registry in registries:
        other = seen.setdefault(registry.repository.lower(), registry)
        if other is not registry:
            raise NotApplied(
                f"Two documents are for {registry.repository}.",
                f"{other.origin('repository')} and {registry.origin('repository')} name it; one registry is active at "
                "a time. Nothing was stored.",
                "Keep one of them.",
            )
