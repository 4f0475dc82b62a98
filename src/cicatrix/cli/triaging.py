"""`cicatrix triage` and `cicatrix prompt`: what failed and on what evidence, and text for whoever repairs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cicatrix import wiring
from cicatrix.core.plan.call import counted
from cicatrix.flows.context import Context
from cicatrix.flows.prompt import prompt as write_prompts
from cicatrix.flows.seed_000 import InvalidInput
from cicatrix.flows.triage import MAX_LOG_BYTES, MAX_STEPS, Bounds, Triaged, triage_target

from . import state
from .errors import usage
from .screen import Format
from .session import named_if_missing, opened, require_lawbook, settings_of
from .targets import parse_all

EXCERPT_LINES = 12
"""Lines of each excerpt that a table shows: its last ones; JSON shows all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    repo: str | None
    run_id: str | None
    lawbook: Path | None
    max_log_bytes: int = MAX_LOG_BYTES
    max_steps: int = MAX_STEPS


def triage(target: str | None, options: Options, *, as_json: bool, output: Format | None) -> None:
    """Print the triage report; writes nothing."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with _triaged(target, options) as (_, triaged):
        pass
    if shape is Format.JSON:
        screen.json(triaged.report)
    else:
        _show(triaged.report)


def prompt(
    target: str | None,
    options: Options,
    *,
    max_files: int,
    prefer_minimal_diff: bool,
    as_json: bool,
    output: Format | None,
) -> None:
    """Print one prompt for each class of failure, the primary one first; writes nothing."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with _triaged(target, options) as (ctx, triaged):
        made = write_prompts(ctx, triaged, max_files=max_files, prefer_minimal_diff=prefer_minimal_diff)
    if shape is Format.JSON:
        screen.json(made)
        return
    for place, one in enumerate(made):
        if place:
            screen.line()
        screen.line(screen.redact(one["promptText"]).rstrip("\n"))
        rank = "primary" if one["primary"] else "also"
        screen.say(f"prompt {one['promptHash']}, {rank} {one['failureClass']}")


@contextmanager
def _triaged(target: str | None, options: Options) -> Iterator[tuple[Context, Triaged]]:
    settings = settings_of(lawbook=options.lawbook)
    pointed = parse_all(
        [] if target is None else [target], repo=options.repo, run_id=options.run_id, hosts=wiring.hosts(settings)
    )[0]
    with opened(settings, pointed.host, read_only=True) as ctx:
        require_lawbook(ctx)
        try:
            with named_if_missing(ctx, pointed.target):
                triaged = triage_target(
                    ctx,
                    pointed.target,
                    bounds=Bounds(log_bytes=options.max_log_bytes, steps=options.max_steps),
                    request_id=f"triage-{ctx.new_id()}",
                    redact=state.screen.redact,
                )
        except InvalidInput as wrong:
            raise usage(
                "That cannot be triaged.",
                f"{wrong.field}: {wrong.problem}.",
                "`cicatrix triage --help` shows what may be given.",
            ) from None
        yield ctx, triaged


def _show(report: Mapping[str, Any]) -> None:
    screen = state.screen
    summary = report["summary"]
    number = report["pr"]["number"]
    what = f"{report['repo']}#{number}" if number else f"{report['repo']}@{report['pr']['headSha'][:12]}"
    screen.line(
        f"{screen.safe(what)}: {summary['overall']}, failing {summary['failingChecks']} in "
        f"{counted(summary['failingRuns'], 'run')}, pending {summary['pendingChecks']}"
    )
    if "incomplete" in summary:
        screen.folded(f"  not read to the end: {screen.safe(summary['incomplete'])}", hang=4)
    # a gate that failed with what it needs comes after it: the cause is what a person reads first
    for failure in sorted(report["failures"], key=lambda failure: failure.get("dependantFailure", False)):
        advice = failure["recommendation"]
        step = f", step {screen.safe(failure['stepName'])}" if failure.get("stepName") else ""
        screen.folded(
            f"{screen.safe(failure['checkName'])} ({failure['type']}, {screen.safe(failure['conclusion'])}{step}): "
            f"{failure['class']}, {advice['nextAction']}",
            hang=2,
        )
        screen.folded(f"  {screen.safe(advice['rationale'])}", hang=2)
        screen.line(f"  {screen.safe(failure['evidence']['url'])}")
        for line in failure["evidence"]["excerpt"].splitlines()[-EXCERPT_LINES:]:
            screen.folded(f"  | {screen.safe(line)}", hang=4)
