"""`cicatrix gate`: measure a commit of this checkout, and say whether it may go on.

Ends with the seed's exit codes: 0 ok, 1 blocked or crash, 2 warning, and 64 for a usage error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cicatrix import wiring
from cicatrix.core.canonical import instant
from cicatrix.core.facts import Repository
from cicatrix.core.health.codec import measurement_json
from cicatrix.core.report.build import build_report
from cicatrix.core.report.inputs import ReportInputs, RollbackTold
from cicatrix.core.report.render import render_markdown
from cicatrix.core.rollback.plan import status
from cicatrix.flows.context import Context
from cicatrix.flows.gate import (
    Asked,
    Kept,
    Measured,
    blocked,
    checks_of,
    exit_code,
    keep,
    measure_commit,
    repository_of,
)
from cicatrix.flows.ladder.climb import open_for_measurement
from cicatrix.git import local_facts
from cicatrix.lawbook import LARGEST
from cicatrix.settings import Settings, Surroundings, inherited

from . import state
from .actions_output import Annotation, Level, annotate, step_outputs, step_summary
from .documents import content
from .errors import Code, Stop, explained, usage
from .gate_view import history_json, show, show_history
from .keeping import known_id, looked_up, who
from .screen import Format
from .session import opened, person, settings_of
from .targets import repository

HISTORY = 20
"""Measurements that `--history` shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    path: Path
    commit: str = "HEAD"
    repo: str | None = None
    checks: Path | None = None
    report_only: bool = False
    history: bool = False
    file: Path | None = None
    lawbook: Path | None = None


def gate(options: Options, *, as_json: bool, output: Format | None) -> int:
    """Measure, keep, tell. The exit code; whatever goes wrong is 1, and 64 when the command makes no sense."""
    with _seeds_codes():
        shape = state.screen.format(output, as_json)
        settings = settings_of(lawbook=options.lawbook)
        return _history(settings, options, shape) if options.history else _gate(settings, options, shape)


@contextmanager
def _seeds_codes() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        stop = explained(error)
        if stop is None:
            raise
        code = Code.GATE_USAGE if stop.code is Code.USAGE else Code.ERROR
        raise Stop(stop.what, stop.why, stop.next, code) from error


def _gate(settings: Settings, options: Options, shape: Format) -> int:
    given = () if options.checks is None else checks_of(_file(options.checks), str(options.checks))
    deployment = wiring.deployment(settings)
    if deployment.base_problems:
        raise Stop(
            "The lawbook cannot be used.", f"{deployment.base_problems[0]}.", "`cicatrix lawbook check` lists more."
        )
    around = Surroundings.read()
    asked = Asked(
        folder=options.path,
        commit=options.commit,
        refs={around.sha: around.ref} if around.ref else {},
        checks=given,
        base=deployment.base,
        environ=inherited(),
    )
    log = wiring.stderr_log(state.screen.redact) if state.screen.verbose else wiring.silent
    found = measure_commit(asked, now=wiring.now(), log=log)
    name, kept = _kept(settings, options, found)
    code = exit_code(found.measurement, kept.block)
    told = _told(settings, name, found, kept, code)
    _tell_the_runner(settings, told, found, kept)
    _write(options.file, told)
    if shape is Format.JSON:
        state.screen.json(told)
    else:
        show(state.screen, told, found.measurement)
    for note in kept.notes:
        state.screen.say(note)
    return code


def _kept(settings: Settings, options: Options, found: Measured) -> tuple[str, Kept]:
    """The repository's name as far as it is known, and what the ledger made of the measurement."""
    named = _named(settings, options, found.facts.origin)
    if named is None:
        return "", Kept(notes=("not stored: no remote `origin` of a known host names the repository; -R does",))
    host, owner, repo = named
    name = f"{owner}/{repo}"
    if settings.ephemeral_ledger:
        return name, Kept(notes=("not stored: inside GitHub Actions without CICATRIX_DATABASE_URL nothing lasts",))
    if wiring.ledger_missing(settings):
        return name, Kept(notes=("not stored: there is no ledger yet",))
    with opened(settings, host, read_only=options.report_only) as ctx:
        home = _home(settings, ctx, owner, repo)
        if home is None:
            return name, Kept(notes=(f"not stored: neither GitHub nor the registry tells the id of {name}",))
        if options.report_only:
            return name, Kept(block=blocked(ctx, home, found.ref), notes=("not stored: --report-only",))
        principal = who(ctx) if _credential(settings, host) else person()
        return name, keep(
            ctx,
            home,
            found,
            open_case=lambda ctx, home, measurement, ref: open_for_measurement(
                ctx, home, measurement, ref=ref, principal=principal, automatic=True
            ),
        )


def _named(settings: Settings, options: Options, origin: str | None) -> tuple[str, str, str] | None:
    hosts = wiring.hosts(settings)
    if options.repo is not None:
        return repository(options.repo, hosts)
    found = repository_of(origin)
    if found is None:
        return None
    try:
        return repository("/".join(found), hosts)
    except Stop:  # the remote is on a host that is not configured
        return None


def _home(settings: Settings, ctx: Context, owner: str, name: str) -> Repository | None:
    """The repository as GitHub tells it; without a credential as it was registered, and then no case is opened."""
    host = ctx.github.host.name
    found, _ = looked_up(ctx, owner, name) if _credential(settings, host) else (None, "")
    if found is not None:
        return found
    with ctx.ledger.read() as view:
        known = known_id(view, host, None, f"{owner}/{name}")
    return None if known is None else Repository(host=host, id=known, owner=owner, name=name)


def _credential(settings: Settings, host: str) -> bool:
    """Whether GitHub can be asked: without one nobody waits for a network that may not be there."""
    return wiring.credentials_for(settings, wiring.pick_host(settings, host)) is not None


def _told(settings: Settings, name: str, found: Measured, kept: Kept, code: int) -> dict[str, Any]:
    detected = found.detected
    return {
        "schemaVersion": "1.0",
        "requestId": wiring.new_id(),
        "lawbookHash": found.resolved.hash,
        "deploymentEnv": settings.environment.value,
        "repository": name or None,
        "ref": found.ref or None,
        "shallow": found.facts.shallow,
        "checksFrom": found.source,
        "chosen": {} if detected is None else dict(detected.why),
        "leftOut": [] if detected is None else list(detected.left_out),
        "block": None if kept.block is None else _block(kept),
        "caseId": kept.case or None,
        "ledgerIndex": kept.index,
        "exitCode": code,
        "measurement": measurement_json(found.measurement),
    }


def _block(kept: Kept) -> dict[str, object]:
    block = kept.block
    assert block is not None
    return {
        "caseId": block.case_id,
        "why": block.why,
        "since": instant(block.since),
        "next": f"cicatrix release {block.case_id} --reason TEXT",
    }


def _tell_the_runner(settings: Settings, told: dict[str, Any], found: Measured, kept: Kept) -> None:
    measurement = found.measurement
    notes = [Annotation(level=Level.ERROR, title="gate", message=line) for line in measurement.blockers]
    notes += [Annotation(level=Level.WARNING, title="gate", message=line) for line in measurement.warnings]
    if kept.block is not None:
        closed = f"closed since a rollback by case {kept.block.case_id}: {kept.block.why}"
        notes.insert(0, Annotation(level=Level.ERROR, title="gate", message=closed))
    annotate(notes)
    step_outputs(
        settings,
        {
            "health": measurement.health,
            "confidence_score": measurement.confidence,
            "ci_ready": measurement.ready,
            "overall_status": measurement.gate.value,
            "blocking_issues": len(measurement.blockers),
        },
    )
    step_summary(settings, _report(told, found, settings))


def _report(told: dict[str, Any], found: Measured, settings: Settings) -> str:
    """The health report of this measurement alone, in the seed's sections."""
    threshold = found.resolved.lawbook.rollback.health_below
    inputs = ReportInputs(
        generated=found.measurement.taken_at,
        repository=str(told["repository"] or ""),
        ref=found.ref,
        request_id=told["requestId"],
        lawbook_hash=told["lawbookHash"],
        environment=settings.environment.value,
        case_id=told["caseId"] or "",
        measurement=found.measurement,
        report_only=told["ledgerIndex"] is None,
        threshold=threshold,
        rollback=RollbackTold(status=status(found.measurement, health_below=threshold)),
        manual=() if told["block"] is None else (f"{told['block']['why']}: {told['block']['next']}",),
        ledger=() if told["ledgerIndex"] is None else (("health measured", told["ledgerIndex"]),),
        exit_code=told["exitCode"],
    )
    return render_markdown(build_report(inputs))


def _history(settings: Settings, options: Options, shape: Format) -> int:
    """The newest measurements of this repository, of the checkout's branch where it is on one."""
    facts = local_facts(options.path) if options.repo is None else None
    named = _named(settings, options, facts.origin if facts else None)
    if named is None:
        raise usage("The repository is not known.", "There is no remote `origin` of a known host.", "Add -R.")
    host, owner, repo = named
    ref = f"refs/heads/{facts.branch}" if facts and facts.branch else None
    with opened(settings, host, read_only=True) as ctx:
        home = _home(settings, ctx, owner, repo)
        with ctx.ledger.read() as view:
            rows = view.measurements(home.host, home.id, ref=ref, limit=HISTORY) if home else ()
    if shape is Format.JSON:
        state.screen.json(history_json(rows))
    else:
        show_history(state.screen, rows)
    return Code.DONE


def _write(path: Path | None, told: dict[str, Any]) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(state.screen.masked(told), indent=2) + "\n", encoding="utf-8")
    except OSError as trouble:
        raise Stop(
            "The measurement cannot be written.", f"{path}: {trouble.strerror}.", "Check the path and its rights."
        ) from None


def _file(path: Path) -> bytes:
    return content(path, LARGEST, "Give a file in the lawbook's form with the key `checks`.")
