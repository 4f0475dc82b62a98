"""Which credentials were used, by fingerprint. No token ever comes here (TK-4)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from cicatrix.core.records import CredentialSeen

from .base import Appends, Reads
from .heal_tables import credentials_seen
from .types import utc_text

_C = credentials_seen.c

# Statements are built once: building one costs five times what running it does.
_ALL = select(credentials_seen).order_by(_C.slot, _C.first_seen, _C.fingerprint)
_OF_SLOT = select(credentials_seen).where(_C.slot == bindparam("slot")).order_by(_C.first_seen, _C.fingerprint)
_STORE = insert(credentials_seen)
_USE = (
    update(credentials_seen)
    .where(_C.slot == bindparam("of_slot"), _C.fingerprint == bindparam("of_fingerprint"))
    .values(last_used=bindparam("used"), expires_at=bindparam("expires"))
)


class CredentialReads(Reads):
    def credentials(self) -> tuple[CredentialSeen, ...]:
        """Every credential that was used, by slot; within a slot the newest last."""
        return tuple(CredentialSeen(**row) for row in self._connection.execute(_ALL).mappings())


class CredentialWrites(Appends, CredentialReads):
    def note_credential(self, slot: str, fingerprint: str, *, expires_at: datetime | None = None) -> int | None:
        """Note that the slot's credential was used now; the new entry's index, None when it was known.

        The slot's first one appends `credential.seen`, each later new one `credential.rotated`, which names the old
        one. An old one that is used again, as while both are valid, appends nothing. `fingerprint` is a salted hash
        made by the caller.
        """
        known = {row.fingerprint: row for row in self._connection.execute(_OF_SLOT, {"slot": slot})}
        if fingerprint in known:
            expires = expires_at or known[fingerprint].expires_at
            key = {"of_slot": slot, "of_fingerprint": fingerprint}
            self._connection.execute(_USE, key | {"used": self.now, "expires": expires})
            return None
        values = {"slot": slot, "fingerprint": fingerprint, "expires_at": expires_at}
        self._connection.execute(_STORE, values | {"first_seen": self.now, "last_used": self.now})
        told: dict[str, object] = {"slot": slot, "fingerprint": fingerprint}
        if expires_at is not None:
            told["expiresAt"] = utc_text(expires_at)
        if not known:
            return self.append("credential.seen", told)
        return self.append("credential.rotated", told | {"previous": list(known)[-1]})
