"""What a right answer of the rerun route looks like, and what the record must say about it: values in, faults out.

Each function gives None, or one sentence about what is wrong. Field by field: seed 000, and docs/api.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cicatrix.core.merkle import leaf_hash, verify_inclusion

SCHEMA_VERSION = "1.0"
DECISIONS = ("RERUN_TRIGGERED", "BLOCKED", "NOOP")
ACTIONS = {"RERUN": "rerunJobs", "BLOCKED": "blockedJobs", "SKIP": "skippedJobs"}
DECISION_OF_ROW = {"RERUN": "RERUN_TRIGGERED", "BLOCKED": "BLOCKED", "SKIP": "NOOP"}
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)

Tree = Mapping[str, Any]
Fault = str | None


def answer_checks(answer: object, *, request_id: str, pr_number: int) -> Iterator[tuple[str, Fault]]:
    """Every validation of the seed for one answer, by name."""
    if not isinstance(answer, Mapping):
        yield "the answer is a JSON object", f"it is {_kind(answer)}"
        return
    checks: Sequence[tuple[str, Callable[[], Fault]]] = (
        ("schema version", lambda: _equal(answer, "schemaVersion", SCHEMA_VERSION)),
        ("request id", lambda: _equal(answer, "requestId", request_id)),
        ("lawbook hash", lambda: _hash(answer)),
        ("deployment environment", lambda: _one_of(answer, "deploymentEnv", ("staging", "prod"))),
        ("target", lambda: _target(answer, pr_number)),
        ("decision", lambda: _one_of(answer, "decision", DECISIONS)),
        ("reasons", lambda: _reasons(answer)),
        ("jobs", lambda: _jobs(answer)),
        ("metadata", lambda: _metadata(answer)),
        ("metadata adds up", lambda: _sums(answer)),
        ("decision fits the jobs", lambda: _fits(answer)),
    )
    for name, check in checks:
        yield name, check()


def _equal(answer: Tree, name: str, wanted: str) -> Fault:
    found = answer.get(name)
    return None if found == wanted else f"{name} is {_shown(found)}, {wanted!r} expected"


def _one_of(answer: Tree, name: str, words: Iterable[str]) -> Fault:
    found = answer.get(name)
    return None if isinstance(found, str) and found in words else f"{name} is {_shown(found)}, not {' or '.join(words)}"


def _hash(answer: Tree) -> Fault:
    found = answer.get("lawbookHash")
    good = isinstance(found, str) and _HASH.fullmatch(found) is not None
    return None if good else f"lawbookHash is {_shown(found)}, 64 hex digits expected"


def _target(answer: Tree, pr_number: int) -> Fault:
    target = answer.get("target")
    if not isinstance(target, Mapping) or target.get("prNumber") != pr_number:
        return f"target is {_shown(target)}, prNumber {pr_number} expected"
    return None if target.get("runId") is None or _whole(target["runId"], 1) else "target.runId is no run id"


def _reasons(answer: Tree) -> Fault:
    reasons = answer.get("reasons")
    good = isinstance(reasons, list) and all(isinstance(r, str) for r in reasons)
    return None if good else f"reasons is {_kind(reasons)}, a list of texts expected"


def _jobs(answer: Tree) -> Fault:
    jobs = answer.get("jobs")
    if not isinstance(jobs, list):
        return f"jobs is {_kind(jobs)}, a list expected"
    for number, job in enumerate(jobs):
        if fault := _job(job):
            return f"jobs[{number}]: {fault}"
    return None


def _job(job: object) -> Fault:
    if not isinstance(job, Mapping):
        return f"is {_kind(job)}"
    for name in ("jobName", "priorConclusion"):
        if not isinstance(job.get(name), str) or not job[name]:
            return f"{name} is {_shown(job.get(name))}"
    if not isinstance(job.get("action"), str) or job["action"] not in ACTIONS:
        return f"action is {_shown(job.get('action'))}"
    if not _whole(job.get("attemptNumber"), 0):
        return f"attemptNumber is {_shown(job.get('attemptNumber'))}"
    if "jobId" in job and not _whole(job["jobId"], 1):
        return f"jobId is {_shown(job['jobId'])}"
    if "reasonCode" in job and not (isinstance(job["reasonCode"], str) and job["reasonCode"]):
        return f"reasonCode is {_shown(job['reasonCode'])}"
    if job["action"] != "RERUN" and "reasonCode" not in job:
        return f"reasonCode is missing from a job that is {job['action']}"
    return None


def _metadata(answer: Tree) -> Fault:
    metadata = answer.get("metadata")
    if not isinstance(metadata, Mapping):
        return f"metadata is {_kind(metadata)}"
    for name in ("totalJobs", *ACTIONS.values()):
        if not _whole(metadata.get(name), 0):
            return f"metadata.{name} is {_shown(metadata.get(name))}, a count expected"
    return None


def _sums(answer: Tree) -> Fault:
    if _metadata(answer) or _jobs(answer):
        return "metadata or jobs cannot be counted"
    metadata, actions = answer["metadata"], [job["action"] for job in answer["jobs"]]
    if metadata["totalJobs"] != len(actions):
        return f"totalJobs is {metadata['totalJobs']}, and {len(actions)} jobs are listed"
    for action, name in ACTIONS.items():
        if metadata[name] != actions.count(action):
            return f"{name} is {metadata[name]}, and {actions.count(action)} jobs are {action}"
    return None


def _fits(answer: Tree) -> Fault:
    if _jobs(answer):
        return "the jobs cannot be read"
    actions = {job["action"] for job in answer["jobs"]}
    if not actions:  # a run whose jobs could not be read has a decision all the same
        return None if answer.get("decision") != "RERUN_TRIGGERED" else "RERUN_TRIGGERED without a job"
    wanted = "RERUN_TRIGGERED" if "RERUN" in actions else "BLOCKED" if "BLOCKED" in actions else "NOOP"
    return None if answer.get("decision") == wanted else f"decision is {answer.get('decision')}, the jobs say {wanted}"


# --- the record ---


def rows_fault(rows: Sequence[Tree], answer: Tree) -> Fault:
    """Whether the rows of `job_rerun_attempts` tell the same as the answer: one row for each job, no more and no less.

    Checks of other apps have no run, and so no row.
    """
    jobs = [job for job in answer["jobs"] if job.get("runId") is not None and job.get("state") != "queued"]
    missing = [job["jobName"] for job in jobs if not any(_row_of(row, job) for row in rows)]
    if missing:
        return f"no row says what the answer says about {', '.join(missing[:3])}"
    return None if len(rows) == len(jobs) else f"{len(rows)} rows for {len(jobs)} decided jobs"


def _row_of(row: Tree, job: Tree) -> bool:
    return (
        row.get("jobName") == job["jobName"]
        and str(row.get("workflowRunId")) == str(job["runId"])
        and row.get("decision") == DECISION_OF_ROW[job["action"]]
        and (row.get("reasonCode") or None) == job.get("reasonCode")
        and row.get("attemptNumber") == job["attemptNumber"]
    )


def row_against_entry(row: Tree, entry: Tree) -> Fault:
    """Whether a row says what the proven `rerun.decided` entry says about its job.

    A row whose call was refused, or whose outcome is not known, is BLOCKED although the decision was to rerun.
    """
    jobs = [j for j in entry.get("jobs", []) if isinstance(j, Mapping) and j.get("name") == row.get("jobName")]
    name = str(row.get("jobName"))
    if str(entry.get("runId")) != str(row.get("workflowRunId")) or not jobs:
        return f"the entry of decision {row.get('decisionId')} knows no job {name} in run {row.get('workflowRunId')}"
    if row.get("lawbookHash") != entry.get("lawbookHash"):
        return f"the row of {name} has another lawbook hash than its entry"
    for job in jobs:
        decided = DECISION_OF_ROW.get(str(job.get("action")))
        fell = decided == "RERUN_TRIGGERED" and row.get("decision") == "BLOCKED" and row.get("attemptNumber") == 0
        same = (
            decided == row.get("decision")
            and job.get("attemptNumber") == row.get("attemptNumber")
            and (job.get("reasonCode") or None) == (row.get("reasonCode") or None)
        )
        if same or fell:
            return None
    told = f"{jobs[0].get('action')} {jobs[0].get('reasonCode')}, attempt {jobs[0].get('attemptNumber')}"
    found = f"{row.get('decision')} {row.get('reasonCode')}, attempt {row.get('attemptNumber')}"
    return f"the row of {name} says {found}; its entry says {told}"


def audit_fault(rows: Sequence[Tree], *, request_id: str, principal: str | None) -> Fault:
    """Whether `workflow_action_audit` has the request, made by somebody; by `principal`, if we know our own name."""
    mine = [row for row in rows if row.get("requestId") == request_id]
    if not mine or len(mine) != len(rows):
        return f"{len(mine)} of {len(rows)} audit rows are of request {request_id}"
    nameless = [row for row in mine if not isinstance(row.get("initiatedBy"), str) or not row["initiatedBy"].strip()]
    if nameless:
        return "an audit row names no principal (initiatedBy)"
    others = {row["initiatedBy"] for row in mine if principal is not None and row["initiatedBy"] != principal}
    return f"the audit names {', '.join(sorted(others))}, and we are {principal}" if others else None


def entry_text(reply: object) -> str | None:
    """The hashed text of an entry as the API gave it."""
    text = reply.get("body") if isinstance(reply, Mapping) else None
    return text if isinstance(text, str) else None


def proof_fault(index: int, text: str, proof: object, *, size: int, root: str) -> Fault:
    """Whether the proof shows that this very text stands at `index` of the tree of `size` with that root (RFC 6962).

    The leaf hash is computed from the text; what the server says about it only has to be the same.
    """
    if not isinstance(proof, Mapping):
        return f"entry {index} has no proof"
    if tree_of(text).get("index") != index:
        return f"the text at {index} is no entry of that index"
    hashed = leaf_hash(text.encode("utf-8", "surrogatepass"))
    if proof.get("leafHash") != hashed.hex():
        told = _shown(proof.get("leafHash"))
        return f"entry {index}: its text hashes to {hashed.hex()[:16]}…, the proof is about {told}"
    if proof.get("index") != index or proof.get("size") != size or proof.get("root") != root:
        return f"entry {index}: the proof is for another tree than the head of {size} entries"
    try:
        path = [bytes.fromhex(step) for step in proof["path"]]
    except (KeyError, TypeError, ValueError):
        return f"entry {index}: the proof's path is no list of hashes"
    if any(len(step) != len(hashed) for step in path):
        return f"entry {index}: the proof's path is no list of SHA-256 hashes"
    if not verify_inclusion(hashed, index, size, path, bytes.fromhex(root)):
        return f"entry {index}: the path does not lead from its text to the head's root"
    return None


def head_fault(head: object) -> Fault:
    """Whether the head is a size and a root."""
    if not isinstance(head, Mapping) or not _whole(head.get("size"), 1):
        return "the head has no size"
    root = head.get("root")
    return None if isinstance(root, str) and _HASH.fullmatch(root) else "the head's root is no SHA-256 in hex"


def bound_fault(answer: Tree, reran: Iterable[tuple[str, str]]) -> Fault:
    """The bound of scenario 3: no job of `reran` (run id, job name) is rerun again with `maxAttempts` 1."""
    again = [
        job["jobName"]
        for job in answer["jobs"]
        if job["action"] == "RERUN" and (str(job.get("runId")), job["jobName"]) in set(reran)
    ]
    beyond = [job["jobName"] for job in answer["jobs"] if job["action"] == "RERUN" and job["attemptNumber"] > 1]
    if again:
        return f"{', '.join(again[:3])} was rerun again although maxAttempts is 1"
    return f"attempt 2 of {', '.join(beyond[:3])} was made although maxAttempts is 1" if beyond else None


def tree_of(text: str) -> Tree:
    """The entry that a text holds; empty for one that holds none."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _kind(value: object) -> str:
    names = {type(None): "missing", dict: "an object", list: "a list", str: "text", bool: "a truth value"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)[:80]
