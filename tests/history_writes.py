"""The offline checker's law for every other kind of write: one intent, at most one effect, never a forced push.

Like `history.py` it reads the simulated GitHub's record and the ledger's lines alone, and shares no code with the
product. An effect names its operation by the X-Request-Id of the call that caused it (`<operation id>/<send>`). A push
by git bears none unless the caller sets the header; it is then judged by whether it was forced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

KINDS = {
    "repository-dispatch": "dispatch",
    "workflow-dispatch": "dispatch",
    "push": "push",
    "create-pull": "pull_request",
    "close-pull": "pull_request",
    "merge-pull": "pull_request",
    "create-comment": "comment",
    "update-comment": "comment",
    "add-labels": "label",
    "create-check-run": "check_run",
    "update-check-run": "check_run",
}
"""What happened -> the family of entries that must have foretold it."""


def law_of_writes(
    records: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]], ours: Collection[str] | None
) -> list[str]:
    """All violations, each in a sentence; none means that the law held."""
    effects = [
        r
        for r in records
        if r["type"] == "effect" and r["kind"] in KINDS and r["call"] and (ours is None or r["login"] in ours)
    ]
    found = [f"law 3: {_told(e)} was forced" for e in effects if e["kind"] == "push" and e["detail"]["forced"]]
    marked = [e for e in effects if e["clientRequestId"] or e["kind"] != "push"]
    by_operation: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for effect in marked:
        by_operation[effect["clientRequestId"].rpartition("/")[0]].append(effect)
    families, refused = _families(entries)
    for operation, caused in by_operation.items():
        wrong = [e for e in caused if KINDS[e["kind"]] != families.get(operation)]
        found += [f"law 3: {_told(e)} has no intent" for e in wrong]
        if len(caused) > 1:
            found.append(f"law 3: operation {operation} had {len(caused)} effects: {', '.join(map(_told, caused))}")
        if operation in refused:
            found.append(f"law 3: operation {operation} is refused, and yet {_told(caused[0])} happened")
    return found


def _families(entries: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], set[str]]:
    """Operation -> the family of its intent; and the operations that ended as refused."""
    families: dict[str, str] = {}
    refused: set[str] = set()
    for entry in entries:
        family, _, event = str(entry.get("kind", "")).rpartition(".")
        if event == "intended":
            families[str(entry.get("operationId"))] = family
        elif event == "refused":
            refused.add(str(entry.get("operationId")))
    return families, refused


def _told(effect: Mapping[str, Any]) -> str:
    return f"effect {effect['seq']} ({effect['kind']} by {effect['login']})"
