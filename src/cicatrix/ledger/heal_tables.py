"""Tables of rungs 2 to 4: leases of refs, blocked branches, health measurements, credentials that were seen."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text

from .meta import metadata
from .types import Json, Serial, UtcTime

ref_leases = Table(
    "ref_leases",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("repository_id", String(20), primary_key=True),
    Column("ref", String(300), primary_key=True),
    Column("case_id", String(64), nullable=False),
    Column("until", UtcTime, nullable=False),
)

branch_blocks = Table(
    "branch_blocks",
    metadata,
    # append-only, so that no block can be made to vanish; a release is a row of its own
    Column("id", Serial, primary_key=True),
    Column("host", String(255), nullable=False),
    Column("repository_id", String(20), nullable=False),
    Column("ref", String(300), nullable=False),
    Column("case_id", String(64), nullable=False),
    Column("action", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("principal", String(255), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("ledger_index", Serial, nullable=False),
    CheckConstraint("action IN ('blocked', 'released')", name="ck_branch_blocks_action"),
    Index("ix_branch_blocks_ref", "host", "repository_id", "ref"),
    Index("ix_branch_blocks_case", "case_id"),
)

health_measurements = Table(
    "health_measurements",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("host", String(255), nullable=False),
    Column("repository_id", String(20), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("repository", String(255), nullable=False),
    Column("ref", String(300), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("case_id", String(64)),
    Column("purpose", String(20), nullable=False),
    Column("taken_at", UtcTime, nullable=False),
    Column("set_hash", String(64), nullable=False),
    Column("confidence", Integer),
    Column("health", Integer),
    Column("ready", Boolean),
    Column("gate", String(20), nullable=False),
    Column("band", String(20), nullable=False),
    Column("report", Json, nullable=False),
    Column("ledger_index", Serial, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    CheckConstraint(
        "purpose IN ('gate', 'before', 'after', 'validation', 'culprit')", name="ck_health_measurements_purpose"
    ),
    CheckConstraint("confidence BETWEEN 0 AND 100", name="ck_health_measurements_confidence"),
    CheckConstraint("health BETWEEN 0 AND 100", name="ck_health_measurements_health"),
    Index("ix_health_measurements_ref", "host", "repository_id", "ref", "id"),
    Index("ix_health_measurements_sha", "host", "repository_id", "sha", "id"),
    Index("ix_health_measurements_case", "case_id"),
)

credentials_seen = Table(
    "credentials_seen",
    metadata,
    Column("slot", String(100), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_used", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
)

HEAL_HISTORY = ("branch_blocks", "health_measurements")
"""Tables of this module whose rows nothing may change or remove."""
