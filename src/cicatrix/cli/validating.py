"""`cicatrix validate`: measures the commit that a dispatch names, and reports what it found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from cicatrix import wiring
from cicatrix.core.dispatching import DispatchPayload, PayloadInvalidError, parse_payload, read_payload
from cicatrix.core.health.model import Check
from cicatrix.core.lawbook import LayerKind, resolve
from cicatrix.flows.validate import NotMeasuredError, Validated, Yard, judge_measured, measure_payload
from cicatrix.git import GitError, local_worktree
from cicatrix.lawbook import load
from cicatrix.settings import Settings, inherited

from . import state
from .actions_output import Annotation, Level, annotate, step_outputs, step_summary
from .errors import Stop
from .screen import Format
from .session import settings_of

LAWBOOK = Path(".github/cicatrix.yml")
MOST_BYTES = 16 * 1024 * 1024
"""A measurement or event file larger than this is none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    path: Path
    sha: str | None = None
    """Instead of a payload: a manual validation of this commit."""
    measure_only: bool = False
    report: Path | None = None
    """What an earlier --measure-only wrote."""
    file: Path | None = None
    """Where the result goes as well."""


def validate(options: Options, *, as_json: bool, output: Format | None) -> int:
    """Exit 0 for success and partial, 1 for failed and inconclusive; a mere measurement ends with 0."""
    shape = state.screen.format(output, as_json)
    settings = settings_of()
    payload = _payload(settings, options)
    if options.report is not None:
        return _finish(settings, payload, _tree(options.report), options, shape)
    measured = measure_payload(payload, _yard(options))
    if not options.measure_only:
        return _finish(settings, payload, measured, options, shape)
    _write(options.file, measured)
    if shape is Format.JSON and options.file is None:
        state.screen.json(measured)
    else:
        state.screen.say(f"{payload.commit_sha[:12]} is measured")
    return 0


def _finish(settings: Settings, payload: DispatchPayload, tree: object, options: Options, shape: Format) -> int:
    key = settings.report_key
    done = judge_measured(payload, tree, secret=None if key is None else key.get_secret_value())
    _write(options.file, done.report)
    step_outputs(settings, done.outputs)
    step_summary(settings, summary(payload, done))
    if done.verdict.rollback_required:
        annotate([Annotation(level=Level.ERROR, message=done.verdict.rollback_reason, title="rollback required")])
    if shape is Format.JSON:
        state.screen.json(done.report)
    else:
        _show(payload, done)
    return done.verdict.exit_code


def _payload(settings: Settings, options: Options) -> DispatchPayload:
    """From --sha, the environment, or the event's file: never from an argument that a shell has read."""
    try:
        if options.sha is not None:
            return read_payload(_manual(options.sha))
        if settings.payload:
            return parse_payload(settings.payload)
        if settings.event_path is not None:
            event = _tree(settings.event_path)
            return read_payload(event.get("client_payload") if isinstance(event, dict) else None)
    except PayloadInvalidError as wrong:
        raise Stop("The payload is refused.", f"{wrong}.", "docs/validation.md shows its shape.") from None
    raise Stop(
        "There is no payload.",
        "Neither --sha nor CICATRIX_PAYLOAD is given, and no event names a commit.",
        "Give `--sha` with a full commit id, or run it in the shipped workflow.",
    )


def _manual(sha: str) -> dict[str, object]:
    return {
        "security_improvement": "unknown",
        "build_diagnostics": "unknown",
        "triggered_by": "manual",
        "commit_sha": sha,
        "remediation_timestamp": wiring.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _yard(options: Options) -> Yard:
    return Yard(repository=options.path, checks=_checks(options.path), environ=inherited(), now=wiring.now)


def _checks(repository: Path) -> tuple[Check, ...]:
    """The declared checks of what is checked out, which is the default branch: the dispatched commit sets no rules."""
    try:
        with local_worktree(repository) as tree:
            place = tree.path / LAWBOOK
            text = place.read_bytes() if place.is_file() and not place.is_symlink() else None
    except GitError as wrong:
        raise Stop("This is no checkout.", f"{wrong}.", "Give the folder with --path.") from None
    if text is None:
        return ()
    layer, problems = load(text, str(LAWBOOK), kind=LayerKind.REPOSITORY)
    if layer is None:
        raise Stop("The lawbook cannot be used.", f"{problems[0]}.", "`cicatrix lawbook check` names every problem.")
    return resolve([layer]).lawbook.checks


def _tree(path: Path) -> Any:
    if path.stat().st_size > MOST_BYTES:
        raise NotMeasuredError(f"{path} is not read.", "It is larger than 16 MiB.", "Measure again.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise NotMeasuredError(f"{path} is not read.", "It is not JSON.", "Measure again.") from None


def _write(path: Path | None, tree: object) -> None:
    if path is not None:
        path.write_text(json.dumps(tree, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")


def _known(payload: DispatchPayload) -> str:
    if payload.known is None:
        return "unknown: measured and reported, and it feeds no rollback"
    return payload.known.op_id


def _number(value: int | None, missing: str = "unknown") -> str:
    return missing if value is None else str(value)


def summary(payload: DispatchPayload, done: Validated) -> str:
    """The step summary: context, results, component status, rollback, next actions. Holds no foreign text."""
    told, verdict = done.outputs, done.verdict
    follows = {
        "success": "Nothing: the commit is healthy.",
        "partial": "Look at what is not ready before merging.",
        "failed": "Do not merge; the case goes on by its ladder.",
        "inconclusive": "Something was not measured: look at the unknown component. Nothing is rolled back on it.",
    }[verdict.overall_status]
    rows = "\n".join(f"| {name} | {told[f'{name}_status']} |" for name in ("lint", "security", "build"))
    return (
        f"## Validation of {payload.commit_sha[:12]}: {verdict.overall_status}\n\n"
        f"### Context\n\n- Triggered by: {payload.triggered_by}\n- Operation: {_known(payload)}\n\n"
        f"### Results\n\n- Effectiveness: {_number(verdict.effectiveness)}\n"
        f"- Improvement: {_number(verdict.improvement, 'not measured')}\n\n"
        f"### Component status\n\n| component | status |\n|---|---|\n{rows}\n\n"
        f"### Rollback\n\n{verdict.rollback_reason or 'None is required.'}\n\n### Next actions\n\n{follows}\n"
    )


def _show(payload: DispatchPayload, done: Validated) -> None:
    verdict = done.verdict
    state.screen.line(
        f"{payload.commit_sha[:12]}: {verdict.overall_status}, effectiveness {_number(verdict.effectiveness)}, "
        f"improvement {_number(verdict.improvement, 'not measured')}"
    )
    state.screen.line(f"operation {_known(payload)}")
    if verdict.rollback_required:
        state.screen.line(f"rollback required: {verdict.rollback_reason}")
