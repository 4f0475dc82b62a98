"""Every writing call of the client, with what it must send and what GitHub answers: shared by the tests of writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cicatrix.core.facts import Receipt
from cicatrix.core.operations import Kind
from cicatrix.github import Accepted, Annotation, GitHub
from tests.github.far_side import SHA, pull_request

RUN_DETAILS = {
    "workflow_run_id": 77,
    "run_url": "https://api.github.com/repos/o/r/actions/runs/77",
    "html_url": "https://github.com/o/r/actions/runs/77",
}
SMALL_CHECK: Mapping[str, Any] = {
    "name": "cicatrix",
    "external_id": "op-1",
    "conclusion": "failure",
    "title": "Health 20",
    "summary": "Two checks fail.",
    "text": "",
}


def receipt(kind: str, *, send: int = 1) -> Receipt:
    return Receipt(operation_id="op-1", ledger_index=7, send=send, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    call: Callable[..., Accepted]
    """Takes the client and `receipt=`."""
    kind: Kind
    method: str
    path: str
    body: Any
    """The JSON that must be sent; None for none."""
    status: int
    answer: Any
    permissions: Mapping[str, str]
    data: Mapping[str, object] = field(default_factory=dict)

    def send(self, github: GitHub, *, send: int = 1) -> Accepted:
        return self.call(github, receipt=receipt(self.kind, send=send))


REMARK = Annotation(path="a.py", start_line=3, end_line=4, level="warning", message="unused", title="F401")
REMARK_JSON = {"path": "a.py", "start_line": 3, "end_line": 4, "annotation_level": "warning", "message": "unused"}
OUTPUT = {"title": "Health 20", "summary": "Two checks fail.", "text": ""}
CONCLUDED = {"name": "cicatrix", "external_id": "op-1", "status": "completed", "conclusion": "failure"}
PULL_DATA = {"number": 4, "url": "https://github.com/o/r/pull/4", "headSha": SHA, "state": "open"}
PULL = pull_request(html_url="https://github.com/o/r/pull/4")
PULLS, CONTENTS, ACTIONS, CHECKS = (
    {name: "write"} for name in ("pull_requests", "contents", "actions", "checks")
)  # fmt: skip

WRITES = {
    "rerun_failed_jobs": Write(
        call=lambda g, **k: g.rerun_failed_jobs("o", "r", "1", **k),
        kind=Kind.RERUN, method="POST", path="/repos/o/r/actions/runs/1/rerun-failed-jobs", body=None,
        status=201, answer={}, permissions=ACTIONS,
    ),
    "rerun_job": Write(
        call=lambda g, **k: g.rerun_job("o", "r", "1", **k),
        kind=Kind.RERUN, method="POST", path="/repos/o/r/actions/jobs/1/rerun", body=None,
        status=201, answer={}, permissions=ACTIONS,
    ),
    "rerun": Write(
        call=lambda g, **k: g.rerun("o", "r", "1", **k),
        kind=Kind.RERUN, method="POST", path="/repos/o/r/actions/runs/1/rerun", body=None,
        status=201, answer={}, permissions=ACTIONS,
    ),
    "repository_dispatch": Write(
        call=lambda g, **k: g.repository_dispatch("o", "r", "post-remediation-check", {"commit_sha": SHA}, **k),
        kind=Kind.DISPATCH, method="POST", path="/repos/o/r/dispatches",
        body={"event_type": "post-remediation-check", "client_payload": {"commit_sha": SHA}},
        status=204, answer=None, permissions=CONTENTS,
    ),
    "workflow_dispatch": Write(
        call=lambda g, **k: g.workflow_dispatch("o", "r", "post check.yml", "main", {"op_id": "op-1"}, **k),
        kind=Kind.DISPATCH, method="POST", path="/repos/o/r/actions/workflows/post%20check.yml/dispatches",
        body={"ref": "main", "inputs": {"op_id": "op-1"}, "return_run_details": True},
        status=200, answer=RUN_DETAILS, permissions=ACTIONS, data={"runId": "77"},
    ),
    "create_pull": Write(
        call=lambda g, **k: g.create_pull("o", "r", head="cicatrix/fix/1", base="main", title="Fix", body="b", **k),
        kind=Kind.PULL_REQUEST, method="POST", path="/repos/o/r/pulls",
        body={"head": "cicatrix/fix/1", "base": "main", "title": "Fix", "body": "b", "draft": True},
        status=201, answer=PULL, permissions=PULLS, data=PULL_DATA,
    ),
    "close_pull": Write(
        call=lambda g, **k: g.close_pull("o", "r", 4, **k),
        kind=Kind.PULL_REQUEST, method="PATCH", path="/repos/o/r/pulls/4", body={"state": "closed"},
        status=200, answer=PULL | {"state": "closed"}, permissions=PULLS, data=PULL_DATA | {"state": "closed"},
    ),
    "create_comment": Write(
        call=lambda g, **k: g.create_comment("o", "r", 4, "healed", **k),
        kind=Kind.COMMENT, method="POST", path="/repos/o/r/issues/4/comments", body={"body": "healed"},
        status=201, answer={"id": 41, "body": "healed"}, permissions=PULLS, data={"commentId": "41"},
    ),
    "update_comment": Write(
        call=lambda g, **k: g.update_comment("o", "r", "41", "healed", **k),
        kind=Kind.COMMENT, method="PATCH", path="/repos/o/r/issues/comments/41", body={"body": "healed"},
        status=200, answer={"id": 41, "body": "healed"}, permissions=PULLS, data={"commentId": "41"},
    ),
    "add_labels": Write(
        call=lambda g, **k: g.add_labels("o", "r", 4, ["auto-healing-applied"], **k),
        kind=Kind.LABEL, method="POST", path="/repos/o/r/issues/4/labels", body={"labels": ["auto-healing-applied"]},
        status=200, answer=[{"name": "auto-healing-applied"}], permissions=PULLS,
    ),
    "create_check_run": Write(
        call=lambda g, **k: g.create_check_run("o", "r", SHA.upper(), **SMALL_CHECK, annotations=[REMARK], **k),
        kind=Kind.CHECK_RUN, method="POST", path="/repos/o/r/check-runs",
        body={"head_sha": SHA, **CONCLUDED, "output": {**OUTPUT, "annotations": [{**REMARK_JSON, "title": "F401"}]}},
        status=201, answer={"id": 51}, permissions=CHECKS, data={"checkRunId": "51"},
    ),
    "update_check_run": Write(
        call=lambda g, **k: g.update_check_run("o", "r", "51", **SMALL_CHECK, **k),
        kind=Kind.CHECK_RUN, method="PATCH", path="/repos/o/r/check-runs/51",
        body={**CONCLUDED, "output": {**OUTPUT, "annotations": []}},
        status=200, answer={"id": 51}, permissions=CHECKS, data={"checkRunId": "51"},
    ),
}  # fmt: skip
