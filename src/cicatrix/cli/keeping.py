"""What the commands that store something share: a ledger that lasts, and who stores it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cicatrix import wiring
from cicatrix.core.facts import Repository
from cicatrix.flows.context import Context
from cicatrix.github import GitHubError
from cicatrix.ledger import View
from cicatrix.settings import Settings

from .errors import Stop
from .session import opened, person, principal_of, settings_of
from .targets import repository


def lasting(settings: Settings) -> Settings:
    """The settings, when what is stored will be there tomorrow. Raises Stop inside a workflow without a database."""
    if settings.ephemeral_ledger:
        raise Stop(
            "Nothing can be stored here.",
            "Inside GitHub Actions without CICATRIX_DATABASE_URL the ledger ends with the job.",
            "Set CICATRIX_DATABASE_URL, or run this where the ledger is.",
        )
    return settings


def who(ctx: Context) -> str:
    """The token's login when there is a working token, else the operating system's user."""
    try:
        return principal_of(ctx)
    except GitHubError:
        return person()


@contextmanager
def at(repo: str, *, writing: bool) -> Iterator[tuple[Context, str, str]]:
    """The context at the host of `-R OWNER/REPO`, with owner and name."""
    settings = settings_of()
    host, owner, name = repository(repo, wiring.hosts(settings))
    with opened(lasting(settings) if writing else settings, host, read_only=not writing) as ctx:
        yield ctx, owner, name


def looked_up(ctx: Context, owner: str, name: str) -> tuple[Repository | None, str]:
    """The repository as GitHub tells it now, or None and why GitHub does not tell."""
    try:
        return ctx.github.repository(owner, name), ""
    except GitHubError as trouble:
        return None, f"{trouble.what}: {trouble.why}"


def known_id(view: View, host: str, found: Repository | None, full_name: str) -> str | None:
    """The repository's id: as GitHub tells it, else as it was registered under this name; None for neither."""
    if found is not None:
        return found.id
    registered = view.registry_named(host, full_name)
    return None if registered is None else registered.repository_id
