"""Measuring a commit in a clean worktree of our own mirror, and keeping what was measured."""

from __future__ import annotations

from pathlib import Path

from cicatrix.checks import detect, measure
from cicatrix.core.health.codec import measurement_from, measurement_json
from cicatrix.core.health.model import Check, Measurement
from cicatrix.core.records import MeasurementRow
from cicatrix.flows.ladder.rung import Rung
from cicatrix.git import Mirror
from cicatrix.ledger import View


def may_run(rung: Rung) -> bool:
    """Whether the repository's own code may run here for this case."""
    return rung.ctx.deployment.run_checks


def checks_for(rung: Rung, folder: Path) -> tuple[Check, ...]:
    """The lawbook's checks, else those that are detected in the folder."""
    environ = rung.ctx.workshop.environ
    return rung.resolved.lawbook.checks or detect(folder, environ=environ).checks


def measure_commit(rung: Rung, mirror: Mirror, sha: str, purpose: str) -> Measurement:
    """The checks of one commit, run now and kept. Raises GitError, LedgerError."""
    with mirror.worktree(sha) as folder:
        return keep(rung, measure_folder(rung, folder, sha), purpose)


def measure_folder(rung: Rung, folder: Path, sha: str) -> Measurement:
    """The checks of a folder that holds this commit; nothing is kept."""
    return measure(
        folder,
        checks_for(rung, folder),
        sha=sha,
        now=rung.ctx.now(),
        environ=rung.ctx.workshop.environ,
        log=rung.ctx.log,
    )


def keep(rung: Rung, found: Measurement, purpose: str) -> Measurement:
    """The measurement in the ledger's health history; given back as it is."""
    with rung.ctx.ledger.write("measured") as tx:
        tx.record_measurement(row_of(rung, found, purpose))
    return found


def row_of(rung: Rung, found: Measurement, purpose: str) -> MeasurementRow:
    return MeasurementRow(
        host=rung.home.host,
        repository_id=rung.home.id,
        owner=rung.home.owner,
        repository=rung.home.name,
        ref=f"refs/heads/{rung.branch}" if rung.branch else "",
        sha=found.sha,
        case_id=rung.case.id,
        purpose=purpose,
        taken_at=found.taken_at,
        set_hash=found.set_hash,
        confidence=found.confidence,
        health=found.health,
        ready=found.ready,
        gate=found.gate.value,
        band=found.band.value,
        report=measurement_json(found),
    )


def measured(view: View, rung: Rung, sha: str | None = None) -> tuple[Measurement, ...]:
    """What the ledger holds of this repository's measurements, newest first."""
    stored = view.measurements(rung.home.host, rung.home.id, sha=sha, limit=200)
    return tuple(measurement_from(one.row.report) for one in stored)
