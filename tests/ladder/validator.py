"""The workflow that validates: in a process of its own as in a real repository, or in this one where that is enough."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cicatrix.core.dispatching import read_payload
from cicatrix.core.lawbook import LayerKind, resolve
from cicatrix.flows.validate import Yard, judge_measured, measure_payload
from cicatrix.lawbook import load

LAWBOOK = ".github/cicatrix.yml"
ARTIFACT, MEMBER = "cicatrix-validation", "validation.json"

Report = dict[str, Any]


def zipped(report: object) -> dict[str, bytes]:
    """The report as the artifact that the workflow uploads."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(MEMBER, report if isinstance(report, str) else json.dumps(report))
    return {ARTIFACT: archive.getvalue()}


def payload_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The payload as the workflow reads it: itself, or an input of a workflow dispatch."""
    return dict(json.loads(given["payload"]) if "payload" in given else given)


def cloned(url: str, folder: Path) -> Path:
    """A full clone of the default branch, with every other branch's commits, as the workflow checks it out."""
    subprocess.run(["git", "clone", "-q", url, str(folder)], check=True, capture_output=True)
    return folder


def in_its_own_process(
    folder: Path, payload: Mapping[str, Any], *, environ: Mapping[str, str], secret: str | None = None
) -> Report:
    """`cicatrix validate` on the clone, started as the workflow starts it: the payload stands in the environment."""
    out, given = folder.with_suffix(".report.json"), json.dumps(payload)
    around = {
        "PATH": os.environ["PATH"],
        **environ,
        "HOME": str(folder.parent),
        "CICATRIX_DATABASE_URL": str(folder.parent / "no-ledger" / "x.db"),
        "CICATRIX_PAYLOAD": given,
        **({"CICATRIX_REPORT_KEY": secret} if secret else {}),
    }
    command = [sys.executable, "-m", "cicatrix", "validate", "--path", str(folder), "--output-file", str(out)]
    done = subprocess.run(command, env=around, capture_output=True, text=True, timeout=300, check=False)
    assert out.exists(), done.stdout + done.stderr
    return dict(json.loads(out.read_text(encoding="utf-8")))


def here(folder: Path, payload: Mapping[str, Any], *, environ: Mapping[str, str], now: datetime) -> Report:
    """The same measuring and judging, called instead of started: for tests that are about something else."""
    layer, problems = load((folder / LAWBOOK).read_bytes(), LAWBOOK, kind=LayerKind.REPOSITORY)
    assert layer is not None, problems
    asked = read_payload(dict(payload))
    yard = Yard(repository=folder, checks=resolve([layer]).lawbook.checks, environ=environ, now=lambda: now)
    return judge_measured(asked, measure_payload(asked, yard), secret=None).report
