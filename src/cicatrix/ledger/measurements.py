"""What was measured: the numbers for ever, with the whole report beside them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256

from sqlalchemy import bindparam, insert, select

from cicatrix.core.records import MeasurementRow

from .base import Appends, Reads
from .canonical import canonical
from .heal_tables import health_measurements
from .types import utc_text

_M = health_measurements.c
_ROW = tuple(f.name for f in fields(MeasurementRow))

# Statements are built once: building one costs five times what running it does.
_OF_REPOSITORY = (
    select(health_measurements)
    .where(_M.host == bindparam("host"), _M.repository_id == bindparam("repository_id"))
    .order_by(_M.id.desc())
    .limit(bindparam("most"))
)
_STORE = insert(health_measurements)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMeasurement:
    """A row of `health_measurements` with what the ledger added."""

    id: int
    created_at: datetime
    ledger_index: int
    row: MeasurementRow


class MeasurementReads(Reads):
    def measurements(
        self,
        host: str,
        repository_id: str,
        *,
        ref: str | None = None,
        sha: str | None = None,
        case_id: str | None = None,
        limit: int = 50,
    ) -> tuple[StoredMeasurement, ...]:
        """Measurements of a repository, newest first; of one ref, commit or case when it is named."""
        found = _OF_REPOSITORY
        for column, wanted in ((_M.ref, ref), (_M.sha, sha), (_M.case_id, case_id)):
            if wanted is not None:
                found = found.where(column == wanted)
        key = {"host": host, "repository_id": repository_id, "most": limit}
        return tuple(
            StoredMeasurement(
                id=row["id"],
                created_at=row["created_at"],
                ledger_index=row["ledger_index"],
                row=MeasurementRow(**{name: row[name] for name in _ROW}),
            )
            for row in self._connection.execute(found, key).mappings()
        )


class MeasurementWrites(Appends, MeasurementReads):
    def record_measurement(self, row: MeasurementRow) -> int:
        """Append entry `health.measured` and insert the row; the entry's index.

        Texts in the report are redacted here. The entry holds the numbers and the SHA-256 of the report's canonical
        JSON, so that the row can be held against it. Raises `TypeError` or `ValueError` for a report with floats or
        anything else that an entry may not hold.
        """
        report = self._clean(row.report)
        digest = sha256(canonical(report).encode("utf-8")).hexdigest()
        index = self.append("health.measured", self._told(row) | {"reportHash": digest})
        values = {name: getattr(row, name) for name in _ROW}
        self._connection.execute(_STORE, values | {"report": report, "ledger_index": index, "created_at": self.now})
        return index

    def _told(self, row: MeasurementRow) -> dict[str, object]:
        told: dict[str, object] = {
            "host": row.host,
            "repositoryId": row.repository_id,
            "owner": self.text(row.owner),
            "repository": self.text(row.repository),
            "ref": self.text(row.ref),
            "sha": row.sha,
            "purpose": row.purpose,
            "takenAt": utc_text(row.taken_at),
            "setHash": row.set_hash,
            "confidence": row.confidence,
            "health": row.health,
            "ready": row.ready,
            "gate": row.gate,
            "band": row.band,
        }
        return told if row.case_id is None else told | {"caseId": row.case_id}
