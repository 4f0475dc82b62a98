"""Who asks. Every request has one principal; its name stands in every entry that the request causes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cicatrix.core.actions import ActionType, Role

ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryScope:
    """One repository that a key is for: told by host and id. The name is for people, and must match too."""

    host: str
    repository_id: str
    full_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A stored key without its secret. `repositories` None is every repository, `actions` None every action."""

    id: str
    """Public part, shown in lists and in the ledger."""
    label: str
    role: Role
    repositories: tuple[RepositoryScope, ...] | None
    actions: frozenset[ActionType] | None
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None

    def problem(self, now: datetime) -> str | None:
        """Why the key is good for nothing at this moment, or None."""
        if self.revoked_at is not None:
            return f"key {self.id} was revoked on {self.revoked_at:%Y-%m-%d %H:%M} UTC"
        if now >= self.expires_at:
            return f"key {self.id} expired on {self.expires_at:%Y-%m-%d %H:%M} UTC"
        return None

    def covers_name(self, host: str, full_name: str) -> bool:
        """Whether the scope names this repository; names differ in case only by accident."""
        if self.repositories is None:
            return True
        wanted = (host.lower(), full_name.lower())
        return any((s.host.lower(), s.full_name.lower()) == wanted for s in self.repositories)

    def covers(self, host: str, repository_id: str, full_name: str) -> bool:
        """Whether the scope is this very repository: a renamed or recreated one is another (AU-4)."""
        if self.repositories is None:
            return True
        wanted = (host.lower(), repository_id, full_name.lower())
        return any((s.host.lower(), s.repository_id, s.full_name.lower()) == wanted for s in self.repositories)

    def allows(self, action: ActionType) -> bool:
        return self.actions is None or action in self.actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller.

    `key` of an API key; else `login` of a GitHub user, whose role is asked of GitHub for each repository.
    """

    name: str
    """`key:<id>` or `github:<login>@<host>`: what the ledger records."""
    key: ApiKey | None = None
    login: str | None = None
