"""What a caller may read: every list and every single thing is filtered here (PL-1, AU-4). Doubt means nothing."""

from __future__ import annotations

from dataclasses import dataclass

from cicatrix.core.actions import Role
from cicatrix.github import Refused

from .problems import Problem, invalid
from .service import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The repositories of a list. `ids` None is every one, of every host."""

    host: str | None
    ids: tuple[str, ...] | None


def visible(caller: Caller, owner: str | None, repo: str | None) -> Visible:
    """What a list may show to this caller. Raises Problem 400, 403 or 404."""
    if (owner is None) != (repo is None):
        missing = "owner" if owner is None else "repo"
        raise invalid([{"field": missing, "problem": "is required: owner and repo name a repository together"}])
    host = caller.service.callers.host
    if owner is not None and repo is not None:
        return Visible(host=host, ids=(readable_id(caller, owner, repo),))
    key = caller.principal.key
    if key is None:
        problems = [
            {"field": name, "problem": "is required for callers with a GitHub token"} for name in ("owner", "repo")
        ]
        raise invalid(problems, "MISSING_PARAMS")
    if key.repositories is None:
        return Visible(host=None, ids=None)
    return Visible(host=host, ids=tuple(s.repository_id for s in key.repositories if s.host.lower() == host.lower()))


def readable_id(caller: Caller, owner: str, repo: str) -> str:
    """The id of a repository that the caller may read. The refusal is the same whether or not it exists."""
    needs(caller, Role.READER, owner, repo)
    try:
        found = caller.service.callers.repository_id(owner, repo)
    except Refused as no:
        if no.status != 404:
            raise
        raise _closed(owner, repo) from None
    key = caller.principal.key
    if key is not None and not key.covers(caller.service.callers.host, found, f"{owner}/{repo}"):
        raise _closed(owner, repo)
    return found


def needs(caller: Caller, role: Role, owner: str, repo: str) -> None:
    """Raises Problem 403 for a caller who has less than that role in the repository."""
    has = caller.role(owner, repo)
    if has is None or has < Role.READER:
        raise _closed(owner, repo)
    if has < role:
        raise Problem(
            "CALLER_NOT_AUTHORISED",
            f"{caller.principal.name} has the role {has.word} in {owner}/{repo}, and this asks for {role.word}.",
            "Ask for a key or a permission with that role.",
            {"repository": f"{owner}/{repo}", "role": has.word, "needed": role.word},
        )


def needs_everywhere(caller: Caller) -> None:
    """Raises Problem 403 for anybody but an admin key for all repositories: what concerns more than one of them."""
    key = caller.principal.key
    if key is None or key.role < Role.ADMIN or key.repositories is not None:
        raise Problem(
            "CALLER_NOT_AUTHORISED",
            f"{caller.principal.name} may not do that: it concerns more than one repository.",
            "Use an admin key for all repositories: `cicatrix key create --role admin --all-repositories`.",
            {"needed": Role.ADMIN.word},
        )


def may_read(caller: Caller, host: str, repository_id: str, full_name: str) -> bool:
    """Whether the caller may see a thing of this very repository; the name is what it was called when it was told."""
    key, ours = caller.principal.key, caller.service.callers.host
    if key is not None:
        return key.repositories is None or any(
            (s.host.lower(), s.repository_id) == (host.lower(), repository_id) for s in key.repositories
        )
    owner, _, repo = full_name.partition("/")
    if host.lower() != ours.lower() or not owner or not repo:
        return False
    try:
        role = caller.role(owner, repo)
        return role is not None and caller.service.callers.repository_id(owner, repo) == repository_id
    except Refused as no:
        if no.status != 404:
            raise
        return False


def sees_everything(caller: Caller) -> bool:
    """Whether the caller is a key for all repositories."""
    key = caller.principal.key
    return key is not None and key.repositories is None


def nothing_here(what: str) -> Problem:
    """404: there is no such thing, or it is not this caller's to see; the words are the same."""
    return Problem("NOT_FOUND", f"There is no such {what} that this caller may read.", "Check the id.")


def _closed(owner: str, repo: str) -> Problem:
    return Problem(
        "REPO_ACCESS_DENIED",
        f"This caller may not read {owner}/{repo}.",
        "Ask for a key or a GitHub permission for that repository.",
        {"repository": f"{owner}/{repo}"},
    )
