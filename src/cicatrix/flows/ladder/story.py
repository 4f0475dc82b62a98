"""A case's entries in plain words: what the rungs above the rerun decided, sent and found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]


def sentence(kind: str, data: Data) -> str | None:
    """One entry in plain words; None for an entry that belongs to no rung above. `data` has its texts resolved."""
    teller = _TELLERS.get(kind)
    if teller is not None:
        return teller(data)
    about, _, event = kind.partition(".")
    return _write(about, event, data) if about in WRITES else None


WRITES = {
    "dispatch": "validation asked for",
    "push": "push",
    "pull_request": "pull request",
    "comment": "comment",
    "label": "labels",
    "check_run": "check run",
}


def _write(about: str, event: str, data: Data) -> str:
    told = f"{data.get('verb', WRITES[about])} {data.get('target', '')}".strip()
    effect = data.get("effect") or {}
    made = ", ".join(f"{key} {value}" for key, value in effect.items()) if isinstance(effect, Mapping) else ""
    if event == "intended":
        return f"{told}: on record, about to be sent"
    if event == "accepted":
        return "GitHub accepted it and named no run: no proof yet"
    if event == "confirmed":
        return f"{WRITES[about]} took effect ({data.get('how', '')})" + (f": {made}" if made else "")
    if event == "blocked":
        return f"{told} is not allowed: {data.get('reasonCode')}: {data.get('why', '')}"
    if event == "refused":
        return f"{WRITES[about]} refused: {data.get('reasonCode')} (HTTP {data.get('status')})"
    return f"{WRITES[about]}: {event.replace('_', ' ')}"


def _remedy(data: Data) -> str:
    applied = ", ".join(map(str, data.get("applied", []))) or "no fix"
    health = f"health {data.get('healthBefore')} → {data.get('healthAfter')}"
    if data.get("commit"):
        return f"{applied} made {str(data['commit'])[:12]}: {health}"
    return f"{applied}: nothing is proposed, {data.get('reasonCode')}: {data.get('why', '')}"


def _judged(data: Data) -> str:
    return (
        f"validation {data.get('outcome')}: effectiveness {_known(data.get('effectiveness'))}, "
        f"improvement {_known(data.get('improvement'))} (run {data.get('validationRunId')}, {data.get('credential')})"
    )


def _known(value: object) -> str:
    return "not measured" if value in {"", None} else str(value)


def _rollback(data: Data) -> str:
    target = str(data.get("target", ""))[:12]
    action = str(data.get("action", ""))
    why = str(data.get("why", "")).replace("\n", "; ")
    if data.get("culprit"):
        cause = f"{str(data['culprit'])[:12]} is the cause: green on {str(data.get('lastGood'))[:12]}"
        return f"{action} {target}: {cause}, {data.get('reds')} independent red signals" + (f" ({why})" if why else "")
    return f"{action} {target}: {why}".replace("  ", " ")


def _measured(data: Data) -> str:
    return f"measured {str(data.get('sha', ''))[:12]} ({data.get('purpose')}): health {_known(data.get('health'))}"


_TELLERS: Mapping[str, Callable[[Data], str]] = {
    "case.opened": lambda data: f"case opened for {data.get('ref') or 'a run'} at {str(data.get('headSha', ''))[:12]}",
    "case.handed_over": lambda data: f"handed over: {data.get('reasonCode')}: {data.get('why', '')}",
    "remedy.decided": _remedy,
    "rollback.decided": _rollback,
    "rollback.refused": lambda data: f"not reverted: {data.get('reasonCode')}: {data.get('why', '')}",
    "validation.judged": _judged,
    "validation.refused": lambda data: f"report not believed: {data.get('why', '')}",
    "health.measured": _measured,
    "branch.blocked": lambda data: f"gate closed: {data.get('reason', '')}",
    "branch.released": lambda data: f"gate opened again by {data.get('principal', '')}: {data.get('reason', '')}",
}
