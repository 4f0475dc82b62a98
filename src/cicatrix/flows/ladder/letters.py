"""What people read of a rung: commit messages, pull requests, the sticky comment. Foreign text is escaped here.

Numbers, SHAs and ids are ours or GitHub's and stand as they are. Names of checks and jobs come from the repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cicatrix.core.health.model import Component, Measurement
from cicatrix.core.prompt.markdown import inline
from cicatrix.flows.ladder.rung import Rung

RELEASE = "cicatrix release"


def revert_message(target: str, case_id: str, *, mainline: int | None) -> str:
    """The message of a revert: git's own sentence, by which a later revert of it is recognised (F22)."""
    merge = f", reversing the changes of its line {mainline}" if mainline is not None else ""
    return f"Revert {target[:12]}\n\nThis reverts commit {target}{merge}.\n\nCicatrix-Case: {case_id}\n"


def revert_pull(rung: Rung, known: Mapping[str, Any]) -> tuple[str, str]:
    """Title and body of the draft that reverts a commit: cause, evidence, proof, and the trap after a merge (RB-9)."""
    target = str(known["target"])
    cause = known.get("cause") or {}
    lines = [
        f"This draft reverts `{target}` on {inline(rung.branch)}. It was made by Cicatrix, case `{rung.case.id}`.",
        "",
        "**Why this commit**",
        "",
        *_cause(cause, known),
        "",
        "**What was checked before it left**",
        "",
        "- The revert was made in a clean worktree of our own mirror; nothing was forced, no history is rewritten.",
        (
            f"- Its tree was compared with what undoing `{target[:12]}` must give; it removes no file that the commit "
            "did not add."
        ),
        f"- The branch's tip was `{str(known.get('tip', ''))[:12]}` when it was made.",
        "",
        "**What to do**",
        "",
        (
            "- Merge it if you agree; close it if you do not. Until a person runs "
            f"`{RELEASE} {rung.case.id}` the gate of this branch stays closed."
        ),
    ]
    if known.get("merge"):
        lines += [
            (
                "- The commit is a merge. After this revert, merging the same branch again brings nothing: revert this "
                "revert first, or rebase the branch into new commits."
            ),
        ]
    lines += ["", _proof(rung)]
    return f"Revert {target[:12]}", "\n".join(lines)


def _cause(cause: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    if cause.get("explicit"):
        return ["- A person named it."]
    health = known.get("health")
    told = [
        (
            f"- Last good commit: `{str(cause.get('lastGood', ''))[:12]}`; the failing checks are green there, "
            "measured after the failure was first seen."
        ),
        (
            f"- Red on `{str(cause.get('culprit', ''))[:12]}` and on every later commit that was measured: "
            f"{cause.get('reds', 0)} independent signals, {cause.get('evidence', 0)} in all."
        ),
        "- Signals from outside the repository (advisories, network, runners) do not count among them.",
    ]
    if health is not None:
        told.append(f"- Health of the branch's tip: {health} of 100.")
    jobs = [f"{inline(str(job))}" for job in known.get("jobs", [])][:10]
    return [*told, *([f"- What it broke: {', '.join(jobs)}"] if jobs else [])]


def fix_pull(rung: Rung, fix: Mapping[str, Any]) -> tuple[str, str]:
    """Title and body of the draft that proposes fixes."""
    applied = [f"- {inline(str(one))}" for one in fix.get("applied", [])]
    lines = [
        f"Cicatrix ran allow-listed fixes on `{str(fix.get('base', ''))[:12]}`, case `{rung.case.id}`.",
        "",
        *applied,
        "",
        "| | before | after |",
        "| --- | --- | --- |",
        *_table(fix.get("before"), fix.get("after")),
        "",
        "The fixes ran in a clean worktree without credentials. An independent workflow measures this commit next.",
        "",
        _proof(rung),
    ]
    return f"Apply {len(applied)} fixes to {str(fix.get('base', ''))[:12]}", "\n".join(lines)


def _table(before: object, after: object) -> list[str]:
    old = before if isinstance(before, Mapping) else {}
    new = after if isinstance(after, Mapping) else {}
    names = ["health", "confidence", *(str(c.value) for c in Component)]
    return [
        f"| {name} | {_number(old.get(name))} | {_number(new.get(name))} |"
        for name in names
        if old.get(name) is not None or new.get(name) is not None
    ]


def _number(value: object) -> str:
    return "not measured" if value is None else str(value)


def numbers(found: Measurement | None) -> dict[str, object] | None:
    """What a case remembers of a measurement."""
    if found is None:
        return None
    scores = {part.component.value: part.score for part in found.components}
    return {
        "sha": found.sha,
        "at": found.taken_at.isoformat(),
        "health": found.health,
        "confidence": found.confidence,
        "ready": found.ready,
        "gate": found.gate.value,
        **scores,
    }


def comment(rung: Rung, title: str, lines: list[str]) -> str:
    """The sticky comment: at most 15 lines, with the case's id and where its story is told."""
    return "\n".join([f"**Cicatrix**: {title}", "", *lines[:12], "", _proof(rung)])


def validated(rung: Rung, told: Mapping[str, Any]) -> list[str]:
    """What a validation found, in a few lines."""
    asked = rung.data("validation")
    tried = [f"{inline(str(one['credential']))} was refused ({one['status']})" for one in asked.get("tried", [])]
    used = f"started with {inline(str(asked.get('credential', '')))}" + (f" after {', '.join(tried)}" if tried else "")
    improvement = told.get("improvement")
    return [
        (
            f"- Validated `{str(asked.get('sha', ''))[:12]}`: **{told.get('outcome')}**, effectiveness "
            f"{_number(told.get('effectiveness'))}, improvement {_number(improvement)}."
        ),
        f"- Run {asked.get('runId', '')}, {used}, {asked.get('delaySeconds', 0)} s until it began.",
        "",
        "| | before | after |",
        "| --- | --- | --- |",
        *_table(told.get("before"), told.get("after")),
    ]


def _proof(rung: Rung) -> str:
    return f"_`cicatrix explain {rung.case.id}` tells the whole story; lawbook `{rung.resolved.hash[:12]}`._"
