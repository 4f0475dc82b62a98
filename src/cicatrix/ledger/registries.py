"""The registry of repository actions (E83.1) as stored: what is active, its history, and every evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from cicatrix.core.canonical import canonical, canonical_hash
from cicatrix.core.records import RegistryAuditRow, RegistryEvent

from . import vouched
from .base import Appends, Reads
from .errors import LedgerError
from .policy_tables import registry_action_audit, repo_actions_registry, repo_actions_registry_history

if TYPE_CHECKING:
    from cicatrix.core.registry.model import ActiveRegistry, Registry

ALLOWED = "allowed"

_R, _H, _A = repo_actions_registry.c, repo_actions_registry_history.c, registry_action_audit.c
_SHARED = ("registry_id", "version", "repository", "owner_id", "revision", "content", "content_hash", "file")
_AUDIT = tuple(f.name for f in fields(RegistryAuditRow))

# Statements are built once: building one costs five times what running it does.
_ACTIVE = select(repo_actions_registry).where(
    _R.host == bindparam("host"), _R.repository_id == bindparam("repository_id"), _R.active
)
_NAMED = (
    select(repo_actions_registry)
    .where(_R.host == bindparam("host"), func.lower(_R.repository) == bindparam("name"), _R.active)
    .order_by(_R.ledger_index.desc())
)
_NEWEST = (
    select(repo_actions_registry_history)
    .where(_H.host == bindparam("host"), _H.repository_id == bindparam("repository_id"))
    .order_by(_H.id.desc())
    .limit(1)
)
_LAST_ALLOWED = select(func.max(_A.executed_at)).where(
    _A.host == bindparam("host"),
    _A.repository_id == bindparam("repository_id"),
    _A.action_type == bindparam("action_type"),
    _A.action_status == ALLOWED,
    _A.operation_id.is_not(None),
)
_INSERT_AUDIT = insert(registry_action_audit)


class RegistryReads(Reads):
    def active_registry(self, host: str, repository_id: str) -> ActiveRegistry | None:
        """What is active for this very repository. Raises `LedgerError` when the row is not what the log tells."""
        key = {"host": host, "repository_id": repository_id}
        found = self._connection.execute(_ACTIVE, key).first()
        if found is not None:
            return self._registry(found)
        newest = self._connection.execute(_NEWEST, key).first()
        if newest is not None and newest.action != "deactivated":
            raise vouched.not_vouched(f"the registry of {newest.repository}", "its row is gone or was switched off")
        return None

    def registry_named(self, host: str, full_name: str) -> ActiveRegistry | None:
        """What is active under a name as it was registered, in any case; the newest, should there be several.

        The name proves nothing: compare the repository's id before relying on it (RG-7).
        """
        found = self._connection.execute(_NAMED, {"host": host, "name": full_name.lower()}).first()
        return self._registry(found) if found else None

    def registries(self) -> tuple[ActiveRegistry, ...]:
        """All that are active, by host and name."""
        found = self._connection.execute(
            select(repo_actions_registry).where(_R.active).order_by(_R.host, func.lower(_R.repository), _R.id)
        ).all()
        return tuple(self._registry(row) for row in found)

    def registry_history(self, host: str, repository_id: str) -> tuple[RegistryEvent, ...]:
        """Every change for this repository, oldest first."""
        found = self._connection.execute(
            select(repo_actions_registry_history)
            .where(_H.host == host, _H.repository_id == repository_id)
            .order_by(_H.id)
        )
        return tuple(_event(row) for row in found)

    def registry_audit(
        self,
        *,
        repository: tuple[str, str] | None = None,
        request_id: str | None = None,
        action_type: str | None = None,
        limit: int = 1000,
    ) -> tuple[RegistryAuditRow, ...]:
        """Rows of `registry_action_audit`, oldest first; `repository` is (host, repository id)."""
        found = select(registry_action_audit).order_by(_A.id).limit(limit)
        if repository is not None:
            found = found.where(_A.host == repository[0], _A.repository_id == repository[1])
        if request_id is not None:
            found = found.where(_A.request_id == request_id)
        if action_type is not None:
            found = found.where(_A.action_type == action_type)
        return tuple(
            RegistryAuditRow(**{name: row[name] for name in _AUDIT})
            for row in self._connection.execute(found).mappings()
        )

    def last_allowed(self, host: str, repository_id: str, action_type: str) -> datetime | None:
        """When this action was last allowed and really intended: cooldowns run from there (RG-6)."""
        key = {"host": host, "repository_id": repository_id, "action_type": action_type}
        found: datetime | None = self._connection.execute(_LAST_ALLOWED, key).scalar()
        return found

    def _registry(self, row: Row[Any]) -> ActiveRegistry:
        # the core's registry is imported by those only who read one
        from cicatrix.core.registry import ActiveRegistry, restore  # noqa: PLC0415

        self._vouched(row)
        try:
            registry = restore(json.loads(row.content), row.file, row.lines)
        except ValueError as error:
            raise LedgerError(
                f"The stored registry of {row.repository} cannot be read.",
                f"Revision {row.revision} is what the ledger recorded, but this version refuses it: {error}.",
                "Correct the document and run `cicatrix registry apply FILE`.",
            ) from error
        return ActiveRegistry(
            host=row.host,
            repository_id=row.repository_id,
            owner_id=row.owner_id,
            full_name=row.repository,
            registry=registry,
            activated_index=row.ledger_index,
        )

    def _vouched(self, row: Row[Any]) -> None:
        what = f"the registry of {row.repository}"
        newest = self._connection.execute(_NEWEST, {"host": row.host, "repository_id": row.repository_id}).first()
        if newest is None or newest.action == "deactivated" or newest.ledger_index != row.ledger_index:
            raise vouched.not_vouched(what, f"the newest change in its history is not revision {row.revision}")
        wrong = [name for name in _SHARED if getattr(newest, name) != getattr(row, name)]
        if wrong:
            raise vouched.not_vouched(what, f"its row and its history differ in {', '.join(wrong)}")
        told = _told(row.host, row.repository_id, row.owner_id, row.revision, row.content_hash)
        vouched.by_entry(self._connection, row.ledger_index, "registry.activated", told, what)
        if canonical_hash(json.loads(row.content)) != row.content_hash:
            raise vouched.not_vouched(what, f"its text does not have the hash of entry {row.ledger_index}")


class RegistryWrites(Appends, RegistryReads):
    def activate_registry(
        self, *, host: str, repository_id: str, owner_id: str, full_name: str, registry: Registry, principal: str
    ) -> int | None:
        """Make a document the active one of its repository: a new revision, with history and entry; the entry's index.

        None, and nothing written, when this very content is active already for this owner and name. Raises
        `LedgerError` when another repository has a registry of the same `registryId`, `ValueError` when the tree does
        not have the document's hash.
        """
        content = canonical(registry.tree)
        if canonical_hash(registry.tree) != registry.hash:
            raise ValueError(f"registry {registry.registry_id}: its tree does not have the hash {registry.hash}")
        key = {"host": host, "repository_id": repository_id}
        known = self._connection.execute(_ACTIVE, key).first()
        if (
            known is not None
            and (known.content_hash, known.owner_id) == (registry.hash, owner_id)
            and (known.repository.lower() == full_name.lower())
        ):
            return None
        self._refuse_a_second_use(registry.registry_id, host, repository_id, full_name)
        last = self._connection.execute(
            select(func.max(_R.revision)).where(_R.host == host, _R.repository_id == repository_id)
        ).scalar()
        revision = (last or 0) + 1
        index = self.append(
            "registry.activated",
            {
                **_told(host, repository_id, owner_id, revision, registry.hash),
                "repository": self.text(full_name),
                "registryId": self.text(registry.registry_id),
                "version": registry.version,
                "file": self.text(registry.file),
                "principal": self.text(principal),
            },
        )
        self._retire(host, repository_id, principal)
        stored = {
            **key,
            "owner_id": owner_id,
            "repository": full_name,
            "registry_id": registry.registry_id,
            "version": registry.version,
            "content": content,
            "content_hash": registry.hash,
            "created_at": self.now,
            "created_by": principal,
            "revision": revision,
            "file": registry.file,
            "ledger_index": index,
        }
        self._connection.execute(
            insert(repo_actions_registry).values(
                **stored, active=True, updated_at=self.now, updated_by=principal, lines=dict(registry.lines)
            )
        )
        action = "updated" if known else "activated" if last else "created"
        self._connection.execute(insert(repo_actions_registry_history).values(**stored, action=action, reason=""))
        return index

    def deactivate_registry(self, host: str, repository_id: str, reason: str, principal: str) -> int | None:
        """Leave a repository without a registry, with history and entry; None when it has none."""
        row = self._connection.execute(_ACTIVE, {"host": host, "repository_id": repository_id}).first()
        if row is None:
            return None
        reason = self._redact(reason)
        index = self.append(
            "registry.deactivated",
            {
                **_told(host, repository_id, row.owner_id, row.revision, row.content_hash),
                "repository": self.text(row.repository),
                "registryId": self.text(row.registry_id),
                "version": row.version,
                "reason": self.text(reason),
                "principal": self.text(principal),
            },
        )
        self._retire(host, repository_id, principal)
        self._connection.execute(
            insert(repo_actions_registry_history).values(
                registry_id=row.registry_id,
                version=row.version,
                action="deactivated",
                content=row.content,
                created_at=self.now,
                created_by=principal,
                content_hash=row.content_hash,
                reason=reason,
                host=host,
                repository_id=repository_id,
                owner_id=row.owner_id,
                repository=row.repository,
                revision=row.revision,
                file=row.file,
                ledger_index=index,
            )
        )
        return index

    def record_registry_audit(self, row: RegistryAuditRow) -> None:
        """Insert a row of `registry_action_audit`. Texts in its result are redacted here."""
        values = {name: getattr(row, name) for name in _AUDIT}
        self._connection.execute(_INSERT_AUDIT, values | {"validation_result": self._clean(row.validation_result)})

    def _retire(self, host: str, repository_id: str, principal: str) -> None:
        self._connection.execute(
            update(repo_actions_registry)
            .where(_R.host == host, _R.repository_id == repository_id, _R.active)
            .values(active=False, updated_at=self.now, updated_by=principal)
        )

    def _refuse_a_second_use(self, registry_id: str, host: str, repository_id: str, full_name: str) -> None:
        for row in self._connection.execute(
            select(repo_actions_registry).where(func.lower(_R.registry_id) == registry_id.lower(), _R.active)
        ):
            if (row.host, row.repository_id) != (host, repository_id):
                raise LedgerError(
                    "The registry was not activated: its registryId belongs to another repository.",
                    f"`{registry_id}` is active for {row.repository} (id {row.repository_id} on {row.host}), "
                    f"not for {full_name} (id {repository_id} on {host}).",
                    "Give this document a registryId of its own, or deactivate the other registry first.",
                )


def _told(host: str, repository_id: str, owner_id: str, revision: int, content_hash: str) -> Mapping[str, object]:
    return {
        "host": host,
        "repositoryId": repository_id,
        "ownerId": owner_id,
        "revision": revision,
        "contentHash": content_hash,
    }


def _event(row: Row[Any]) -> RegistryEvent:
    return RegistryEvent(
        registry_id=row.registry_id,
        version=row.version,
        action=row.action,
        content=row.content,
        content_hash=row.content_hash,
        at=row.created_at,
        by=row.created_by,
        reason=row.reason,
        host=row.host,
        repository_id=row.repository_id,
        owner_id=row.owner_id,
        repository=row.repository,
        revision=row.revision,
        file=row.file,
        ledger_index=row.ledger_index,
    )
