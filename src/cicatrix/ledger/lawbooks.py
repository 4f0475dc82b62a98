"""The lawbook service: immutable versions, what is active in each scope, and every change of it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select

from cicatrix.core.records import LawbookEvent, StoredLawbook

from . import vouched
from .base import Appends, Reads
from .errors import LedgerError
from .policy_tables import lawbook_active, lawbook_events, lawbook_versions

DEPLOYMENT, ORGANISATION, REPOSITORY = SCOPES = ("deployment", "organisation", "repository")

_V, _A, _E = lawbook_versions.c, lawbook_active.c, lawbook_events.c


# Statements are built once: building one costs five times what running it does.
_NEWEST = (
    select(lawbook_events)
    .where(_E.scope == bindparam("scope"), _E.host == bindparam("host"), _E.target == bindparam("target"))
    .order_by(_E.id.desc())
    .limit(1)
)
_ACTIVE = (
    select(
        lawbook_versions,
        _A.activated_at,
        _A.activated_by,
        _A.ledger_index.label("activated_index"),
        _A.full_name.label("active_name"),
    )
    .select_from(lawbook_active.join(lawbook_versions, _A.version_id == _V.id))
    .where(_A.scope == bindparam("scope"), _A.host == bindparam("host"), _A.target == bindparam("target"))
)


class LawbookReads(Reads):
    def active_lawbooks(self, host: str, owner_id: str, repository_id: str) -> tuple[StoredLawbook, ...]:
        """The active lawbooks of deployment, organisation and repository, in this order; any may be missing.

        Raises `LedgerError` when a row is not what history and log tell.
        """
        asked = ((DEPLOYMENT, "", ""), (ORGANISATION, host, owner_id), (REPOSITORY, host, repository_id))
        found = (self.active_lawbook(*key) for key in asked)
        return tuple(lawbook for lawbook in found if lawbook is not None)

    def active_lawbook(self, scope: str, host: str, target: str) -> StoredLawbook | None:
        """What is active in one scope. Raises as `active_lawbooks` does."""
        key = {"scope": scope, "host": host, "target": target}
        row = self._connection.execute(_ACTIVE, key).first()
        newest = self._connection.execute(_NEWEST, key).first()
        what = f"the {scope} lawbook" + (f" of {newest.full_name}" if newest and newest.full_name else "")
        if row is None:
            if newest is not None and newest.action == "activated":
                raise vouched.not_vouched(what, "its row is gone")
            return None
        if (
            newest is None
            or (newest.action, newest.ledger_index, newest.hash, newest.version)
            != ("activated", row.activated_index, row.hash, row.version)
            or (row.scope, row.host, row.target) != (scope, host, target)
        ):
            raise vouched.not_vouched(what, "what is active is not the newest change in its history")
        told = {**key, "version": row.version, "lawbookHash": row.hash, "textHash": _digest(row.content)}
        vouched.by_entry(self._connection, row.activated_index, "lawbook.activated", told, what)
        return _stored(row)

    def lawbook_text(self, scope: str, host: str, target: str, version: str) -> str | None:
        """The text of a version that was ever activated in this scope."""
        found: str | None = self._connection.execute(
            select(_V.content).where(_V.scope == scope, _V.host == host, _V.target == target, _V.version == version)
        ).scalar()
        return found

    def lawbook_history(
        self, scope: str | None = None, host: str | None = None, target: str | None = None
    ) -> tuple[LawbookEvent, ...]:
        """Every change of what is active, oldest first; of one scope, host or target where they are named."""
        found = select(lawbook_events).order_by(_E.id)
        for column, wanted in ((_E.scope, scope), (_E.host, host), (_E.target, target)):
            if wanted is not None:
                found = found.where(column == wanted)
        return tuple(_event(row) for row in self._connection.execute(found))


class LawbookWrites(Appends, LawbookReads):
    def activate_lawbook(
        self,
        *,
        scope: str,
        host: str = "",
        target: str = "",
        full_name: str = "",
        content: str,
        version: str,
        hash: str,  # noqa: A002 -- the lawbook's own word for it, here and in every result
        file: str,
        principal: str,
    ) -> int | None:
        """Make a lawbook the active one of its scope, with history and entry; the entry's index.

        `deployment` has neither host nor target; `target` is the owner id of an `organisation`, the id of a
        `repository`. None, and nothing written, when this version is active already. Raises `LedgerError` when the
        scope knows this version label with another content: versions are immutable; `ValueError` for a wrong scope.
        """
        key = _key(scope, host, target)
        known = self._connection.execute(
            select(lawbook_versions).where(
                _V.scope == scope, _V.host == host, _V.target == target, _V.version == version
            )
        ).first()
        if known is not None and known.hash != hash:
            raise LedgerError(
                "The lawbook was not activated: versions are immutable.",
                f"Version {version} is stored for this {scope} with hash {known.hash}; {file} has hash {hash}.",
                "Give the changed lawbook a version label of its own, such as the day and a number.",
            )
        active = self._connection.execute(
            select(lawbook_active).where(_A.scope == scope, _A.host == host, _A.target == target)
        ).first()
        if active is not None and known is not None and active.version_id == known.id:
            return None
        text = known.content if known is not None else content
        index = self.append(
            "lawbook.activated",
            {
                **key,
                **_where(scope, host, target),
                "name": self.text(full_name),
                "version": version,
                "lawbookHash": hash,
                "textHash": _digest(text),
                "file": self.text(file),
                "principal": self.text(principal),
            },
        )
        version_id = known.id if known is not None else None
        if version_id is None:
            made = self._connection.execute(
                insert(lawbook_versions).values(
                    **key,
                    full_name=full_name,
                    version=version,
                    hash=hash,
                    content=content,
                    file=file,
                    created_at=self.now,
                    created_by=principal,
                    ledger_index=index,
                )
            )
            version_id = made.inserted_primary_key[0] if made.inserted_primary_key else None
        self._switch_off(scope, host, target)
        self._connection.execute(
            insert(lawbook_active).values(
                **key,
                version_id=version_id,
                full_name=full_name,
                activated_at=self.now,
                activated_by=principal,
                ledger_index=index,
            )
        )
        self._record(key, (full_name, version, hash), ("activated", "", principal), index)
        return index

    def deactivate_lawbook(self, scope: str, host: str, target: str, reason: str, principal: str) -> int | None:
        """Leave a scope without a stored lawbook, with history and entry; None when it has none."""
        key = _key(scope, host, target)
        row = self._connection.execute(_ACTIVE, key).first()
        if row is None:
            return None
        reason = self._redact(reason)
        index = self.append(
            "lawbook.deactivated",
            {
                **key,
                **_where(scope, host, target),
                "name": self.text(row.active_name),
                "version": row.version,
                "lawbookHash": row.hash,
                "reason": self.text(reason),
                "principal": self.text(principal),
            },
        )
        self._switch_off(scope, host, target)
        self._record(key, (row.active_name, row.version, row.hash), ("deactivated", reason, principal), index)
        return index

    def _switch_off(self, scope: str, host: str, target: str) -> None:
        self._connection.execute(delete(lawbook_active).where(_A.scope == scope, _A.host == host, _A.target == target))

    def _record(
        self, key: dict[str, str], lawbook: tuple[str, str, str], event: tuple[str, str, str], index: int
    ) -> None:
        full_name, version, digest = lawbook
        action, reason, principal = event
        self._connection.execute(
            insert(lawbook_events).values(
                **key,
                full_name=full_name,
                version=version,
                hash=digest,
                action=action,
                reason=reason,
                created_at=self.now,
                created_by=principal,
                ledger_index=index,
            )
        )


def _key(scope: str, host: str, target: str) -> dict[str, str]:
    complete = (host, target) == ("", "") if scope == DEPLOYMENT else scope in SCOPES and host != "" and target != ""
    if not complete:
        raise ValueError(
            f"lawbook scope {scope!r} with host {host!r} and target {target!r}: write `deployment` with neither, "
            "or `organisation` or `repository` with both"
        )
    return {"scope": scope, "host": host, "target": target}


def _where(scope: str, host: str, target: str) -> dict[str, str]:
    """What lets a repository's own entries be found with its others."""
    return {"host": host, "repositoryId": target} if scope == REPOSITORY else {}


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()


def _stored(row: Row[Any]) -> StoredLawbook:
    return StoredLawbook(
        scope=row.scope,
        host=row.host,
        target=row.target,
        full_name=row.active_name,
        version=row.version,
        hash=row.hash,
        content=row.content,
        file=row.file,
        created_at=row.created_at,
        created_by=row.created_by,
        activated_at=row.activated_at,
        activated_by=row.activated_by,
        activated_index=row.activated_index,
    )


def _event(row: Row[Any]) -> LawbookEvent:
    return LawbookEvent(
        scope=row.scope,
        host=row.host,
        target=row.target,
        full_name=row.full_name,
        version=row.version,
        hash=row.hash,
        action=row.action,
        at=row.created_at,
        by=row.created_by,
        reason=row.reason,
        ledger_index=row.ledger_index,
    )
