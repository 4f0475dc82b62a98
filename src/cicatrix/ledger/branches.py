"""Who works on a ref now, and which branch a rollback keeps blocked until a person releases it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, insert, select, update

from cicatrix.core.records import BranchBlock, RefLease

from .base import Appends, Reads
from .heal_tables import branch_blocks, ref_leases

_L, _B = ref_leases.c, branch_blocks.c
_BLOCKED, _RELEASED = "blocked", "released"
_later = branch_blocks.alias("later")

# Statements are built once: building one costs five times what running it does.
_REF = (_L.host == bindparam("of_host"), _L.repository_id == bindparam("of_repository"), _L.ref == bindparam("of_ref"))
_LEASE = select(ref_leases).where(*_REF)
_GRANT = insert(ref_leases)
_TAKE = update(ref_leases).where(*_REF).values(case_id=bindparam("taker"), until=bindparam("until_then"))
_GIVE_BACK = delete(ref_leases).where(*_REF, _L.case_id == bindparam("holder"))

_STANDING = (
    select(branch_blocks)
    .where(
        _B.action == _BLOCKED,
        ~exists().where(
            _later.c.case_id == _B.case_id,
            _later.c.action == _RELEASED,
            _later.c.id > _B.id,
        ),
    )
    .order_by(_B.id)
)
_OF_BRANCH = _STANDING.where(
    _B.host == bindparam("host"), _B.repository_id == bindparam("repository_id"), _B.ref == bindparam("ref")
)
_OF_CASE = _STANDING.where(_B.case_id == bindparam("case_id"))
_STORE = insert(branch_blocks)


class BranchReads(Reads):
    def lease(self, host: str, repository_id: str, ref: str) -> RefLease | None:
        """Who works on this ref now; None when nobody does, or the lease has ended."""
        found = self._connection.execute(_LEASE, _key(host, repository_id, ref)).first()
        if found is None or found.until <= self.now:
            return None
        return RefLease(case_id=found.case_id, ref=found.ref, until=found.until)

    def branch_block(self, host: str, repository_id: str, ref: str) -> BranchBlock | None:
        """The oldest block of this ref that no person has released; None when there is none."""
        key = {"host": host, "repository_id": repository_id, "ref": ref}
        found = self._connection.execute(_OF_BRANCH, key).first()
        if found is None:
            return None
        return BranchBlock(
            case_id=found.case_id,
            ref=found.ref,
            why=found.reason,
            since=found.created_at,
            ledger_index=found.ledger_index,
        )


class BranchWrites(Appends, BranchReads):
    def take_lease(self, host: str, repository_id: str, ref: str, case_id: str, until: datetime) -> bool:
        """Take or renew the one lease of this ref; False, and nothing changed, while another case holds it."""
        held = self.lease(host, repository_id, ref)
        if held is not None and held.case_id != case_id:
            return False
        taken = self._connection.execute(
            _TAKE, _key(host, repository_id, ref) | {"taker": case_id, "until_then": until}
        )
        if taken.rowcount == 0:
            lease = {"host": host, "repository_id": repository_id, "ref": ref, "case_id": case_id, "until": until}
            self._connection.execute(_GRANT, lease)
        return True

    def release_lease(self, host: str, repository_id: str, ref: str, case_id: str) -> None:
        """Give the lease back. Nothing happens when this case does not have it."""
        self._connection.execute(_GIVE_BACK, _key(host, repository_id, ref) | {"holder": case_id})

    def block_branch(  # noqa: PLR0917 -- the branch, the case and who says so: in the order of `set_kill_switch`
        self, host: str, repository_id: str, ref: str, case_id: str, why: str, principal: str
    ) -> int:
        """Keep the gate of this ref closed until a person releases the case, with entry `branch.blocked`; its index.

        A case blocks a ref once: the second time, nothing is written and the first entry's index comes back.
        """
        key = {"host": host, "repository_id": repository_id, "ref": ref}
        for known in self._connection.execute(_OF_CASE, {"case_id": case_id}):
            if (known.host, known.repository_id, known.ref) == (host, repository_id, ref):
                return int(known.ledger_index)
        index = self.append("branch.blocked", self._told_of(case_id, key, why, principal))
        self._store_block(key, case_id, _BLOCKED, why, principal, index)
        return index

    def release_branch(self, case_id: str, principal: str, reason: str) -> int | None:
        """End every block of this case, each with an entry `branch.released`; the last one's index.

        None, and nothing written, when the case blocks nothing. Blocks of other cases stay.
        """
        index = None
        for block in self._connection.execute(_OF_CASE, {"case_id": case_id}).all():
            key = {"host": block.host, "repository_id": block.repository_id, "ref": block.ref}
            index = self.append("branch.released", self._told_of(case_id, key, reason, principal))
            self._store_block(key, case_id, _RELEASED, reason, principal, index)
        return index

    def _told_of(self, case_id: str, key: Mapping[str, str], reason: str, principal: str) -> dict[str, object]:
        return {
            "caseId": case_id,
            "host": key["host"],
            "repositoryId": key["repository_id"],
            "ref": self.text(key["ref"]),
            "reason": self.text(reason),
            "principal": self.text(principal),
        }

    def _store_block(  # noqa: PLR0917 -- a row, in the order of its columns
        self, key: Mapping[str, str], case_id: str, action: str, reason: str, principal: str, index: int
    ) -> None:
        told = {"case_id": case_id, "action": action, "reason": self._redact(reason), "principal": principal}
        self._connection.execute(_STORE, {**key, **told, "created_at": self.now, "ledger_index": index})


def _key(host: str, repository_id: str, ref: str) -> dict[str, object]:
    return {"of_host": host, "of_repository": repository_id, "of_ref": ref}
