"""What a person should do next, from the report itself. Fixed sentences: nothing foreign stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_BY_STATUS = {
    "ROLLBACK REQUIRED": "Look at the cause that the report names and revert it, or hand the case to its owner.",
    "ROLLBACK PROPOSED": "Review the draft pull request with the revert; merge it, or close it and say why.",
    "ROLLBACK EXECUTED": "Repair the cause on a branch of its own; the revert has to be undone on purpose.",
    "UNKNOWN": "Make the unknown checks measurable; until then nothing can be decided.",
}
_BY_GATE = {
    "PASS": "Go on.",
    "WARNING": "Go on, and look at the warnings.",
    "FAIL": "Do not merge or deploy before the blocking issues are gone.",
    "HOLD": "Decide nothing on this report: something in it is unknown.",
}
TOKENS_PAGE = "docs/tokens.md"


def manual_actions(report: Mapping[str, Any]) -> Iterator[str]:
    """What only a person can do, most urgent first."""
    if (told := _BY_STATUS.get(report["rollback"]["status"])) is not None:
        yield told
    if report["phases"]["phase4"] in {"ROLLBACK PROPOSED", "ROLLBACK EXECUTED"} and report["caseId"]:
        yield f"When the branch is well again: cicatrix release {report['caseId']}"
    sent = report["redispatch"]
    if sent and sent["status"] == "BLOCKED":
        yield f"Set up a credential for the re-dispatch: {TOKENS_PAGE} says how."
    if sent and sent["status"] == "UNKNOWN":
        yield "Find out whether the dispatch arrived, then settle it: cicatrix operation resolve."
    if any(no["reason"] == "high_risk" for no in report["remediation"]["refusals"]):
        yield "Decide about the high-risk fixes that are only proposed."


def recommended(report: Mapping[str, Any]) -> Iterator[str]:
    """The actions beside the decision."""
    yield _BY_GATE[report["decision"]["gate"] if "decision" in report else report["header"]["status"]]
    if report["remediation"]["applied"]:
        yield "Review the pull request with the fixes; it is a draft until a person has seen it."
    yield from manual_actions(report)
