"""The seed's own rerun algorithm (E84.3, "Algorithm Flow"), written from its text with its faults, to compare with.

It counts the attempts of a job, decides, inserts a row, and calls GitHub afterwards, without a transaction and without
a unique key. Nothing of the product is used and nothing of this is used by the product.
"""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

INFRA = re.compile(r"timeout|timed.out|network|rate.limit|50[023]", re.IGNORECASE)
FLAKY = re.compile(r"flaky|intermittent|random|race.condition", re.IGNORECASE)
MOST_CHECKS = 500
ROUND_TRIP = 0.01
"""Seconds: the seed's database is a server, so every statement is a trip over a network, which other callers use."""

TABLE = """
CREATE TABLE IF NOT EXISTS job_rerun_attempts (
    id INTEGER PRIMARY KEY, resource_owner TEXT, resource_repo TEXT, pr_number INTEGER, workflow_run_id INTEGER,
    job_name TEXT, attempt_number INTEGER, decision TEXT, reason_code TEXT, request_id TEXT
)
"""


def classify_failure_for_rerun(name: str, conclusion: str | None) -> str | None:
    """'infra transient', 'flaky probable' or None, from the name and the conclusion of a check."""
    text = f"{name} {conclusion}"
    if INFRA.search(text):
        return "infra transient"
    return "flaky probable" if FLAKY.search(text) else None


@dataclass(slots=True)
class SeedOriginal:
    """One caller's connection to GitHub and to the shared table."""

    http: httpx.Client
    file: Path
    owner: str
    repo: str

    def rerun_failed_jobs(self, pr_number: int, request_id: str, max_attempts: int = 2) -> dict[str, Any]:
        """Steps 2 to 8 of the seed; its answer, as far as the comparison needs it."""
        base = f"/repos/{self.owner}/{self.repo}"
        head_sha = self._get(f"{base}/pulls/{pr_number}")["head"]["sha"]
        checks = self._check_runs(f"{base}/commits/{head_sha}/check-runs")
        run_id = self._discover_run(base, pr_number)
        jobs = []
        with sqlite3.connect(self.file, timeout=30, isolation_level=None) as database:
            database.execute(TABLE)
            for check in checks:
                if check["conclusion"] not in {"failure", "timed_out"}:
                    continue
                action, reason = self._decide(database, pr_number, run_id, check, max_attempts)
                self._record(
                    database,
                    pr_number=pr_number,
                    run_id=run_id,
                    name=check["name"],
                    action=action,
                    reason=reason,
                    request_id=request_id,
                )
                jobs.append({"jobName": check["name"], "action": action, "reasonCode": reason})
        database.close()
        if any(job["action"] == "RERUN" for job in jobs):
            self.http.post(f"{base}/actions/runs/{run_id}/rerun-failed-jobs")
        return {"jobs": jobs}

    def get_attempt_count(self, database: sqlite3.Connection, pr_number: int, run_id: int, name: str) -> int:
        """Step 5c: every row of the key counts."""
        key = (self.owner, self.repo, pr_number, run_id, name)
        counted = database.execute(
            "SELECT count(*) FROM job_rerun_attempts WHERE resource_owner = ? AND resource_repo = ?"
            " AND pr_number = ? AND workflow_run_id = ? AND job_name = ?",
            key,
        ).fetchone()
        time.sleep(ROUND_TRIP)
        return int(counted[0])

    def _decide(
        self, database: sqlite3.Connection, pr_number: int, run_id: int, check: dict[str, Any], max_attempts: int
    ) -> tuple[str, str]:
        failure_class = classify_failure_for_rerun(check["name"], check["conclusion"])
        if failure_class is None:
            return "SKIP", "not_eligible"
        if self.get_attempt_count(database, pr_number, run_id, check["name"]) >= max_attempts:
            return "BLOCKED", "max_attempts_exceeded"
        return "RERUN", failure_class.replace(" ", "_")

    def _record(
        self,
        database: sqlite3.Connection,
        *,
        pr_number: int,
        run_id: int,
        name: str,
        action: str,
        reason: str,
        request_id: str,
    ) -> None:
        attempt = self.get_attempt_count(database, pr_number, run_id, name) + 1
        decision = {"RERUN": "RERUN_TRIGGERED", "SKIP": "NOOP"}.get(action, "BLOCKED")
        if decision == "NOOP":
            return
        database.execute(
            "INSERT INTO job_rerun_attempts (resource_owner, resource_repo, pr_number, workflow_run_id, job_name,"
            " attempt_number, decision, reason_code, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.owner, self.repo, pr_number, run_id, name, attempt, decision, reason, request_id),
        )

    def _check_runs(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_CHECKS // 100 + 1):
            got = self._get(path, per_page="100", page=str(page))["check_runs"]
            found += got
            if len(got) < 100:
                break
        return found

    def _discover_run(self, base: str, pr_number: int) -> int:
        runs = self._get(f"{base}/actions/runs", event="pull_request", per_page="10")["workflow_runs"]
        listing = (r for r in runs if any(p["number"] == pr_number for p in r["pull_requests"]))
        return int(next(listing)["id"])

    def _get(self, path: str, **query: str) -> Any:
        return self.http.get(path, params=query).raise_for_status().json()
