"""What a kill switch or a stored lawbook is for: the deployment, an organisation, a repository, an action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cicatrix import wiring
from cicatrix.core.actions import ActionType
from cicatrix.flows.context import Context
from cicatrix.ledger import View
from cicatrix.settings import Settings

from .errors import Stop, usage
from .keeping import looked_up
from .targets import repository

DEPLOYMENT, ORGANISATION, REPOSITORY, ACTION = "deployment", "organisation", "repository", "action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A scope as the ledger names it. `target` is an owner's id, a repository's id or an action type."""

    kind: str
    host: str = ""
    target: str = ""
    name: str = ""
    """For people: the organisation's login, the repository's full name or the action."""

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}" if self.name else f"the whole {self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A scope as somebody asked for it, checked for its form alone."""

    kind: str
    repo: str | None = None
    org: str | None = None
    action: ActionType | None = None

    @property
    def needs_github(self) -> bool:
        """Whether a name has to become an id."""
        return self.kind in {ORGANISATION, REPOSITORY}


def wanted(scope: str | None, *, repo: str | None, org: str | None, action: str | None, kinds: Sequence[str]) -> Wanted:
    """The one scope that the options name. Raises Stop (usage) when they name none or several."""
    given = {REPOSITORY: repo, ORGANISATION: org, ACTION: action}
    named = [kind for kind, text in given.items() if text is not None]
    kind = scope or (named[0] if named else DEPLOYMENT)
    if kind not in kinds:
        raise usage("The scope means nothing.", f"{kind[:40]!r} is none.", f"Use {', '.join(kinds)}.")
    option = {REPOSITORY: "-R owner/repo", ORGANISATION: "--org ORG or -R owner/repo", ACTION: "--action TYPE"}.get(
        kind
    )
    of_a_repository = kind == ORGANISATION and named == [REPOSITORY]  # whoever owns that repository
    if named != ([] if kind == DEPLOYMENT else [kind]) and not of_a_repository:
        raise usage(
            "The scope and the other options do not go together.",
            f"The scope {kind} needs {option or 'none of -R, --org and --action'}.",
            f"Give {option}, and nothing else beside it." if option else "Leave them out, or name their scope.",
        )
    return Wanted(kind=kind, repo=repo, org=org, action=None if action is None else _action(action))


def host_of(asked: Wanted, settings: Settings) -> str:
    """The host that the names are on."""
    hosts = wiring.hosts(settings)
    return repository(asked.repo, hosts)[0] if asked.repo else hosts[0].name


def without_github(asked: Wanted) -> Scope:
    """The scope where no name has to become an id."""
    name = asked.action.value if asked.action else ""
    return Scope(kind=asked.kind, target=name, name=name)


def found_at(ctx: Context, view: View, asked: Wanted) -> Scope:
    """The scope with ids: from GitHub, else from the registries in the ledger, so that it can be set in an outage.

    Raises Stop when neither knows the name.
    """
    host = ctx.github.host.name
    if asked.repo is not None:
        return _by_repository(ctx, view, asked, host)
    org = (asked.org or "").strip()
    owners = {a.owner_id for a in view.registries() if a.host == host and _owner(a.full_name) == org.lower()}
    if len(owners) == 1:
        return Scope(kind=ORGANISATION, host=host, target=owners.pop(), name=org)
    raise Stop(
        f"The organisation {org[:60]} is not known here by its id.",
        f"{'Several owners had' if owners else 'No registered repository has'} that name, and a name alone can change "
        "hands.",
        f"Name one of its repositories instead: --scope organisation -R {org[:60] or 'ORG'}/REPO.",
    )


def _by_repository(ctx: Context, view: View, asked: Wanted, host: str) -> Scope:
    _, owner, name = repository(asked.repo, [ctx.github.host])
    found, why = looked_up(ctx, owner, name)
    if found is not None:
        full_name, repository_id, owner_id = found.full_name, found.id, found.owner_id
    else:
        known = view.registry_named(host, f"{owner}/{name}")
        if known is None:
            raise Stop(
                f"The repository {owner}/{name} cannot be read, so its id is not known.",
                f"{why}.",
                "Correct the name or the token's rights; the scopes deployment and action need no GitHub.",
            )
        full_name, repository_id, owner_id = known.full_name, known.repository_id, known.owner_id
    if asked.kind == ORGANISATION:
        return Scope(kind=ORGANISATION, host=host, target=owner_id, name=full_name.partition("/")[0])
    return Scope(kind=REPOSITORY, host=host, target=repository_id, name=full_name)


def _owner(full_name: str) -> str:
    return full_name.partition("/")[0].lower()


def _action(text: str) -> ActionType:
    try:
        return ActionType(text.strip())
    except ValueError:
        raise usage(
            "The action means nothing.",
            f"{text[:60]!r} is no action type.",
            "Use a type of the registry, such as rerun_failed_jobs; `cicatrix registry schema` lists them.",
        ) from None
