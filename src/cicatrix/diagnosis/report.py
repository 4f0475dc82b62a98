"""A verdict as one JSON object, as `cicatrix diagnose --json` prints it."""

from __future__ import annotations

from typing import Any

from cicatrix.core.verdict import Verdict


def verdict_json(file: str, verdict: Verdict) -> dict[str, Any]:
    """`verdict` on `file` with JSON's own types; `confidence` is 0..1, `lineNumber` counts line feeds from 1."""
    return {
        "file": file,
        "class": verdict.failure_class.value,
        "confidence": verdict.confidence / 100,
        "rule": verdict.rule,
        "step": verdict.step,
        "lineNumber": verdict.line_number,
        "line": verdict.line,
        "suspected": None if verdict.suspected is None else verdict.suspected.value,
        "stage": verdict.stage,
        "signature": verdict.signature,
        "counterEvidence": verdict.counter_evidence,
        "rulesetHash": verdict.ruleset_hash,
        "truncated": verdict.truncated,
    }
