"""The checks by themselves: each fault that a deployment may have, found in an answer or a row made by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.cli.deployment_checks import (
    answer_checks,
    audit_fault,
    bound_fault,
    head_fault,
    proof_fault,
    row_against_entry,
    rows_fault,
)
from cicatrix.core.canonical import canonical
from cicatrix.core.merkle import inclusion_proof, leaf_hash, root

HASH = "0123456789abcdef" * 4
ANSWER: dict[str, Any] = {
    "schemaVersion": "1.0",
    "requestId": "r-1",
    "lawbookHash": HASH,
    "deploymentEnv": "staging",
    "target": {"prNumber": 1, "runId": 7},
    "decision": "RERUN_TRIGGERED",
    "reasons": ["1 of 2 jobs rerun"],
    "jobs": [
        {
            "jobName": "test",
            "jobId": 11,
            "runId": 7,
            "priorConclusion": "failure",
            "action": "RERUN",
            "attemptNumber": 1,
            "reasonCode": "infra_transient",
        },
        {
            "jobName": "build",
            "jobId": 12,
            "runId": 7,
            "priorConclusion": "success",
            "action": "SKIP",
            "attemptNumber": 0,
            "reasonCode": "not_failed",
        },
    ],
    "metadata": {"totalJobs": 2, "rerunJobs": 1, "blockedJobs": 0, "skippedJobs": 1},
}
ROWS: list[dict[str, Any]] = [
    {
        "jobName": job["jobName"],
        "workflowRunId": "7",
        "decision": {"RERUN": "RERUN_TRIGGERED", "SKIP": "NOOP"}[job["action"]],
        "reasonCode": job["reasonCode"],
        "attemptNumber": job["attemptNumber"],
        "decisionId": "d",
        "lawbookHash": HASH,
    }
    for job in ANSWER["jobs"]
]
ENTRY: dict[str, Any] = {
    "decisionId": "d",
    "runId": "7",
    "lawbookHash": HASH,
    "jobs": [
        {
            "name": job["jobName"],
            "action": job["action"],
            "reasonCode": job["reasonCode"],
            "attemptNumber": job["attemptNumber"],
        }
        for job in ANSWER["jobs"]
    ],
}


def changed(tree: Any, change: Callable[[Any], object]) -> Any:
    made = copy.deepcopy(tree)
    change(made)
    return made


def faults(answer: object) -> dict[str, str]:
    return {name: fault for name, fault in answer_checks(answer, request_id="r-1", pr_number=1) if fault}


@pytest.mark.shows("VF-2")
def test_a_right_answer_has_no_fault() -> None:
    assert faults(ANSWER) == {}
    nothing = {**ANSWER, "jobs": [], "decision": "NOOP", "metadata": dict.fromkeys(ANSWER["metadata"], 0)}
    assert faults(nothing) == {}
    assert faults({**nothing, "decision": "RERUN_TRIGGERED"}) == {
        "decision fits the jobs": "RERUN_TRIGGERED without a job"
    }


@pytest.mark.shows("VF-2")
@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        (lambda t: t.pop("schemaVersion"), "schema version", "missing"),
        (lambda t: t.update(schemaVersion=1.0), "schema version", "1.0"),
        (lambda t: t.update(requestId="other"), "request id", "other"),
        (lambda t: t.pop("requestId"), "request id", "missing"),
        (lambda t: t.update(lawbookHash="v1.0.0-dev"), "lawbook hash", "64 hex digits"),
        (lambda t: t.update(lawbookHash="A" * 64), "lawbook hash", "64 hex digits"),
        (lambda t: t.update(deploymentEnv="development"), "deployment environment", "development"),
        (lambda t: t.update(decision="MAYBE"), "decision", "MAYBE"),
        (lambda t: t.update(decision=["NOOP"]), "decision", "NOOP"),
        (lambda t: t.update(decision="NOOP"), "decision fits the jobs", "the jobs say"),
        (lambda t: t.update(target={"prNumber": "1"}), "target", "prNumber 1 expected"),
        (lambda t: t["target"].update(runId="7"), "target", "no run id"),
        (lambda t: t.update(reasons="because"), "reasons", "text"),
        (lambda t: t.update(reasons=[1]), "reasons", "a list of texts expected"),
        (lambda t: t.update(jobs={}), "jobs", "an object"),
        (lambda t: t["jobs"].append("x"), "jobs", "jobs[2]: is text"),
        (lambda t: t["jobs"][0].pop("jobName"), "jobs", "jobName is missing"),
        (lambda t: t["jobs"][0].pop("priorConclusion"), "jobs", "priorConclusion is missing"),
        (lambda t: t["jobs"][0].update(attemptNumber="1"), "jobs", "attemptNumber"),
        (lambda t: t["jobs"][0].update(attemptNumber=-1), "jobs", "attemptNumber"),
        (lambda t: t["jobs"][0].update(action="WAIT"), "jobs", "action"),
        (lambda t: t["jobs"][0].update(jobId="11"), "jobs", "jobId"),
        (lambda t: t["jobs"][1].pop("reasonCode"), "jobs", "reasonCode is missing from a job that is SKIP"),
        (lambda t: t["jobs"][1].update(reasonCode=3), "jobs", "reasonCode is 3"),
        (lambda t: t["jobs"].pop(), "metadata adds up", "are listed"),
        (lambda t: t.pop("metadata"), "metadata", "missing"),
        (lambda t: t["metadata"].pop("blockedJobs"), "metadata", "blockedJobs is missing"),
        (lambda t: t["metadata"].update(totalJobs="2"), "metadata", "totalJobs"),
        (lambda t: t["metadata"].update(rerunJobs=True), "metadata", "rerunJobs"),
        (lambda t: t["metadata"].update(skippedJobs=7), "metadata adds up", "skippedJobs is 7"),
    ],
)
def test_every_fault_of_an_answer_is_named(change: Any, check: str, told: str) -> None:
    found = faults(changed(ANSWER, change))
    assert told in found[check], found


@pytest.mark.shows("VF-2")
@pytest.mark.parametrize("answer", [None, [], "yes", 3, True])
def test_what_is_no_object_is_told(answer: object) -> None:
    assert list(faults(answer)) == ["the answer is a JSON object"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["RERUN", "SKIP", "1.0", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ANSWER, *ANSWER["jobs"][0]]), inner),
    max_leaves=20,
)


@pytest.mark.shows("VF-2")
@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ANSWER, json_values)))
def test_any_answer_is_judged_and_none_that_is_wrong_is_right(answer: dict[str, Any]) -> None:
    assert faults(answer)
    assert faults({**ANSWER, **answer}) or {**ANSWER, **answer}.keys() == ANSWER.keys()


@pytest.mark.shows("VF-3")
@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.pop(),
        lambda r: r.append(r[0]),
        lambda r: r[0].update(attemptNumber=0),
        lambda r: r[0].update(decision="BLOCKED"),
        lambda r: r[0].update(reasonCode=None),
        lambda r: r[1].update(jobName="lint"),
        lambda r: r[1].update(workflowRunId="8"),
    ],
)
def test_rows_must_tell_what_the_answer_tells(change: Any) -> None:
    assert rows_fault(ROWS, ANSWER) is None
    assert rows_fault(changed(ROWS, change), ANSWER)


@pytest.mark.shows("VF-3")
def test_checks_of_other_apps_and_queued_jobs_have_no_row_yet() -> None:
    answer = changed(
        ANSWER, lambda a: a["jobs"].append({"jobName": "lint", "action": "RERUN", "state": "queued", "runId": 7})
    )
    answer["jobs"].append({"jobName": "codecov", "action": "SKIP", "reasonCode": "not_github_actions"})
    assert rows_fault(ROWS, answer) is None


@pytest.mark.shows("VF-3")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.update(reasonCode="flaky_probable"), "its entry says RERUN infra_transient, attempt 1"),
        (lambda r: r.update(attemptNumber=2), "attempt 2; its entry says"),
        (lambda r: r.update(decision="NOOP", attemptNumber=0), "says NOOP"),
        (lambda r: r.update(decision="BLOCKED"), "says BLOCKED"),
        (lambda r: r.update(workflowRunId="8"), "knows no job test in run 8"),
        (lambda r: r.update(jobName="lint"), "knows no job lint"),
        (lambda r: r.update(lawbookHash="x"), "another lawbook hash"),
    ],
)
def test_a_row_must_tell_what_its_entry_tells(change: Any, told: str) -> None:
    assert [row_against_entry(row, ENTRY) for row in ROWS] == [None, None]
    assert told in str(row_against_entry(changed(ROWS[0], change), ENTRY))


@pytest.mark.shows("VF-3")
def test_a_call_that_github_refused_is_a_blocked_row_of_a_rerun_decision() -> None:
    refused = {**ROWS[0], "decision": "BLOCKED", "reasonCode": "github_refused", "attemptNumber": 0}
    assert row_against_entry(refused, ENTRY) is None


@pytest.mark.shows("VF-3")
def test_the_audit_names_the_request_and_who_asked() -> None:
    rows = [{"requestId": "r-1", "initiatedBy": "key:abc"}]
    assert audit_fault(rows, request_id="r-1", principal="key:abc") is None
    assert audit_fault(rows, request_id="r-1", principal=None) is None
    assert "we are key:xyz" in str(audit_fault(rows, request_id="r-1", principal="key:xyz"))
    assert audit_fault([], request_id="r-1", principal=None)
    assert audit_fault(rows, request_id="r-2", principal=None)
    assert audit_fault([*rows, {"requestId": "r-1", "initiatedBy": " "}], request_id="r-1", principal=None)
    assert audit_fault([*rows, {"requestId": "r-1"}], request_id="r-1", principal=None)


@pytest.mark.shows("VF-2")
def test_the_bound_is_broken_by_a_second_rerun() -> None:
    reran = {("7", "test")}
    assert "was rerun again" in str(bound_fault(ANSWER, reran))
    assert bound_fault(ANSWER, set()) is None
    second = changed(ANSWER, lambda a: a["jobs"][0].update(attemptNumber=2))
    assert "attempt 2 of test" in str(bound_fault(second, set()))
    blocked = changed(ANSWER, lambda a: a["jobs"][0].update(action="BLOCKED"))
    assert bound_fault(blocked, reran) is None


# --- proofs ---

TEXTS = [canonical({"index": n, "kind": "x"}) for n in range(7)]
LEAVES = [leaf_hash(text.encode()) for text in TEXTS]
ROOT = root(LEAVES).hex()


def proof_of(index: int) -> dict[str, Any]:
    path = [step.hex() for step in inclusion_proof(LEAVES, index)]
    return {"index": index, "size": len(LEAVES), "leafHash": LEAVES[index].hex(), "root": ROOT, "path": path}


@pytest.mark.shows("VF-3")
@pytest.mark.parametrize("index", range(len(TEXTS)))
def test_every_entry_of_a_tree_is_proven(index: int) -> None:
    assert proof_fault(index, TEXTS[index], proof_of(index), size=len(TEXTS), root=ROOT) is None
    other = (index + 1) % len(TEXTS)
    assert proof_fault(index, TEXTS[index], proof_of(other), size=len(TEXTS), root=ROOT)
    assert proof_fault(index, TEXTS[other], proof_of(index), size=len(TEXTS), root=ROOT)


@pytest.mark.shows("VF-3")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.update(path=[*t["path"][:-1], "00" * 32]), "does not lead"),
        (lambda t: t.update(path=t["path"][1:]), "does not lead"),
        (lambda t: t.update(path=[*t["path"], "00" * 32]), "does not lead"),
        (lambda t: t.update(path=[*t["path"], "ab"]), "no list of SHA-256"),
        (lambda t: t.update(path="none"), "no list of hashes"),
        (lambda t: t.update(path=[1]), "no list of hashes"),
        (lambda t: t.pop("path"), "no list of hashes"),
        (lambda t: t.update(root="0" * 64), "another tree"),
        (lambda t: t.update(size=8), "another tree"),
        (lambda t: t.update(index=3), "another tree"),
        (lambda t: t.update(leafHash="0" * 64), "hashes to"),
        (lambda t: t.clear(), "the proof is about missing"),
    ],
)
def test_every_fault_of_a_proof_is_named(change: Any, told: str) -> None:
    assert told in str(proof_fault(2, TEXTS[2], changed(proof_of(2), change), size=7, root=ROOT))


@pytest.mark.shows("VF-3")
def test_what_is_no_proof_no_entry_or_no_head_is_told() -> None:
    assert proof_fault(2, TEXTS[2], None, size=7, root=ROOT)
    assert proof_fault(2, "[]", proof_of(2), size=7, root=ROOT)
    assert proof_fault(2, "nonsense", proof_of(2), size=7, root=ROOT)
    assert head_fault({"size": 7, "root": ROOT}) is None
    for head in (None, {}, {"size": 0, "root": ROOT}, {"size": True, "root": ROOT}, {"size": 7, "root": "x"}):
        assert head_fault(head)
