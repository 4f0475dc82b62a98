"""API keys: who may call, for which repositories and actions, until when.

The secret is never stored. Its SHA-256 is enough: a secret is 32 random bytes, so there is nothing to guess and no
need for a slow hash, which would only let callers tire the server out.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from cicatrix.core.actions import ActionType, Role
from cicatrix.core.principal import ApiKey, RepositoryScope

from . import vouched
from .base import Appends, Reads
from .errors import LedgerError
from .policy_tables import api_keys
from .tables import entries
from .types import utc_text

_C = api_keys.c

# Statements are built once: building one costs five times what running it does.
_BY_ID = select(api_keys).where(_C.id == bindparam("key_id"))


_REVOKED = select(entries.c.idx).where(
    entries.c.kind == "key.revoked", entries.c.entry.contains(bindparam("told"), autoescape=False)
)
"""The entry that ended a key: entries are canonical JSON, so its id stands in one way only."""


class KeyReads(Reads):
    def key(self, key_id: str) -> tuple[ApiKey, str] | None:
        """A key, revoked and expired ones too, and the SHA-256 of its secret in hex.

        Raises `LedgerError` when the row is not what the log says: other rights, another secret, or good although an
        entry revoked it.
        """
        row = self._connection.execute(_BY_ID, {"key_id": key_id}).first()
        if row is None:
            return None
        key = _key(row)
        told = {**_rights(key), "secretDigest": _digest(row.secret_hash)}
        vouched.by_entry(self._connection, row.ledger_index, "key.created", told, f"the key {key.id}")
        if key.revoked_at is None and self._connection.execute(_REVOKED, {"told": f'"keyId":"{key.id}"'}).first():
            raise vouched.not_vouched(f"the key {key.id}", "its row says that it is good, and an entry revoked it")
        return key, row.secret_hash

    def keys(self) -> tuple[ApiKey, ...]:
        """Every key that was ever made, oldest first."""
        found = self._connection.execute(select(api_keys).order_by(_C.created_at, _C.id))
        return tuple(_key(row) for row in found)


class KeyWrites(Appends, KeyReads):
    def create_key(self, key: ApiKey, secret_hash: str) -> int:
        """Store a key with the SHA-256 of its secret (hex), with entry `key.created`; its index.

        The entry holds the key's rights and expiry, never the hash (a hash of it instead, so that it cannot be swapped
        unseen). `created_at` of the row is this transaction's
        moment. Raises `LedgerError` when the id is taken.
        """
        if self._connection.execute(_BY_ID, {"key_id": key.id}).first() is not None:
            raise LedgerError(
                "The key was not made: its id is taken.",
                f"There is a key {key.id} already, and ids are never used twice.",
                "Ask for a new key; it gets another id.",
            )
        names = [self.text(scope.full_name) for scope in key.repositories or ()]
        index = self.append(
            "key.created",
            {
                **_rights(key),
                "secretDigest": _digest(secret_hash),
                "names": names,
                "label": self.text(key.label),
                "principal": self.text(key.created_by),
            },
        )
        self._connection.execute(
            insert(api_keys).values(
                id=key.id,
                label=self._redact(key.label),
                role=key.role.word,
                repositories=_scopes(key, names=True),
                actions=_actions(key),
                secret_hash=secret_hash,
                created_at=self.now,
                created_by=key.created_by,
                expires_at=key.expires_at,
                ledger_index=index,
            )
        )
        return index

    def revoke_key(self, key_id: str, reason: str, principal: str) -> int | None:
        """End a key at once, with entry `key.revoked`; None when there is no such key or it was revoked before."""
        row = self._connection.execute(_BY_ID, {"key_id": key_id}).first()
        if row is None or row.revoked_at is not None:
            return None
        index = self.append(
            "key.revoked", {"keyId": key_id, "reason": self.text(reason), "principal": self.text(principal)}
        )
        self._connection.execute(
            update(api_keys).where(_C.id == key_id).values(revoked_at=self.now, revoked_by=principal)
        )
        return index


def _digest(secret_hash: str) -> str:
    """What an entry may hold of a secret's hash: it shows a swap and opens nothing."""
    return sha256(secret_hash.encode()).hexdigest()


def _rights(key: ApiKey) -> Mapping[str, object]:
    """What the key may do, as its entry tells it."""
    return {
        "keyId": key.id,
        "role": key.role.word,
        "repositories": _scopes(key, names=False),
        "actions": _actions(key),
        "expiresAt": utc_text(key.expires_at),
    }


def _scopes(key: ApiKey, *, names: bool) -> list[dict[str, str]] | None:
    if key.repositories is None:
        return None
    told = [{"host": s.host, "repositoryId": s.repository_id} for s in key.repositories]
    if names:
        told = [{**t, "fullName": s.full_name} for t, s in zip(told, key.repositories, strict=True)]
    return told


def _actions(key: ApiKey) -> list[str] | None:
    return None if key.actions is None else sorted(action.value for action in key.actions)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        label=row.label,
        role=Role[row.role.upper()],
        repositories=None
        if row.repositories is None
        else tuple(
            RepositoryScope(host=s["host"], repository_id=s["repositoryId"], full_name=s["fullName"])
            for s in row.repositories
        ),
        actions=None if row.actions is None else frozenset(ActionType(action) for action in row.actions),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
