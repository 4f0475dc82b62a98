"""`cicatrix rerun`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cicatrix import wiring
from cicatrix.core.policy import Mode, RerunRequest
from cicatrix.core.redact import REDACTED
from cicatrix.flows.context import Context
from cicatrix.flows.explain import tell_answer
from cicatrix.flows.rerun import RequestIdReused, RequestInProgress, rerun_failed_jobs

from . import state, waiting
from .errors import Code, Stop, credentials_refused, explained, usage, worst
from .screen import Format
from .session import named_if_missing, opened, principal_of, require_lawbook, settings_of
from .targets import Pointed, parse_all

LONGEST_REQUEST_ID = 255
DEFAULT_TIMEOUT = 3600.0
"""Seconds that `--wait` waits at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    repo: str | None
    run_id: str | None
    mode: str
    max_attempts: int
    dry_run: bool
    wait: bool
    timeout: float | None
    request_id: str | None
    lawbook: Path | None
    as_json: bool
    output: Format | None


def rerun(texts: list[str], options: Options) -> Code:
    """Decide about each target and print its answer. The worst result is the exit code."""
    screen = state.screen
    shape = screen.format(options.output, options.as_json)
    _check(texts, options)
    settings = settings_of(lawbook=options.lawbook)
    if options.request_id is not None and REDACTED in screen.redact(options.request_id):
        raise usage(
            "The request id looks like a secret.",
            "Request ids are stored and shown, so a token must never be one.",
            "Use any other unique text, such as a UUID.",
        )
    targets = parse_all(texts, repo=options.repo, run_id=options.run_id, hosts=wiring.hosts(settings))
    answers: list[Mapping[str, Any]] = []
    codes: list[Code] = []
    with ExitStack() as stack:
        contexts: dict[str, Context] = {}
        for pointed in targets:
            try:
                if pointed.host not in contexts:
                    contexts[pointed.host] = stack.enter_context(opened(settings, pointed.host))
                ctx = contexts[pointed.host]
                answer, code = _one(ctx, pointed, options, shape)
            except Exception as error:
                stop = explained(error)
                if stop is None or len(targets) == 1:
                    raise
                screen.fail(f"{pointed.text}: {stop.what}", stop.why, stop.next)
                codes.append(stop.code)
                continue
            answers.append(answer)
            codes.append(code)
            if code is Code.INTERRUPTED:
                break
    if shape is Format.JSON:
        screen.json(answers[0] if len(targets) == 1 else answers)
    elif not options.wait and any(job.get("state") in {"sent", "queued"} for a in answers for job in a["jobs"]):
        screen.line("next   cicatrix tick reads what became of it (or use --wait)")
    return Code.INTERRUPTED if Code.INTERRUPTED in codes else worst(codes)


def _check(texts: list[str], options: Options) -> None:
    if options.mode.upper() not in set(Mode):
        raise usage("The mode means nothing.", f"{options.mode[:40]!r} is no mode.", "Use FAILED_ONLY or ALL_JOBS.")
    if options.wait and options.dry_run:
        raise usage("Nothing can be waited for.", "--dry-run sends nothing.", "Leave out --wait or --dry-run.")
    if options.timeout is not None and not options.wait:
        raise usage("Nothing is waited for.", "--timeout belongs to --wait.", "Add --wait, or leave out --timeout.")
    given = options.request_id
    if given is None:
        return
    if not given.strip() or len(given) > LONGEST_REQUEST_ID or not given.isprintable():
        raise usage(
            "The request id cannot be used.",
            f"It is empty, longer than {LONGEST_REQUEST_ID} characters, or holds control characters.",
            "Use any unique text, such as a UUID.",
        )
    if len(texts) > 1:
        raise usage("The request id names one request.", f"{len(texts)} targets were given.", "Ask for one at a time.")


def _one(ctx: Context, pointed: Pointed, options: Options, shape: Format) -> tuple[Mapping[str, Any], Code]:
    screen = state.screen
    require_lawbook(ctx)
    request = RerunRequest(
        request_id=options.request_id or ctx.new_id(),
        principal=principal_of(ctx, pointed.target.owner, pointed.target.repository),
        mode=Mode(options.mode.upper()),
        max_attempts=options.max_attempts,
        dry_run=options.dry_run,
    )
    try:
        with named_if_missing(ctx, pointed.target):
            result = rerun_failed_jobs(ctx, pointed.target, request)
    except RequestInProgress:
        raise Stop(
            f"The request {request.request_id} is being worked on.",
            "Another process began it and has not finished.",
            "Ask again with the same --request-id: the stored answer will be replayed.",
            Code.PENDING,
        ) from None
    except RequestIdReused:
        raise usage(
            f"The request id {request.request_id} belongs to another request.",
            "The same id was used for another target, mode, --max-attempts or --dry-run.",
            "Repeat the first request exactly, or use a new id.",
        ) from None
    answer = result.answer
    if result.replayed:
        screen.say(f"request {request.request_id} was answered before: this is its stored answer, nothing was sent")
    if shape is Format.TABLE:
        show_answer(ctx, pointed, answer)
    code = code_of(answer)
    if options.wait and code in {Code.DONE, Code.PENDING}:
        timeout = DEFAULT_TIMEOUT if options.timeout is None else options.timeout
        outcome, code = waiting.wait(ctx, answer, timeout, code, shape)
        answer = {**answer, **outcome}
    return answer, code


def show_answer(ctx: Context, pointed: Pointed, answer: Mapping[str, Any]) -> None:
    """The answer for a person."""
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    screen = state.screen
    runs = tell_answer(ctx, pointed.target, answer)
    for run in runs:
        showing.show_run(screen, run)
    if not runs:
        screen.line(f"○ nothing to do for {screen.safe(pointed.target)}")
        for line in answer["reasons"]:
            screen.folded(f"  {screen.safe(line)}", hang=4)
    if answer.get("dryRun"):
        screen.line("dry run: recorded, nothing reserved, nothing sent")


def code_of(answer: Mapping[str, Any]) -> Code:
    """The exit code of an answer: pending before blocked before done; 4 when nothing but the token's rights blocks."""
    waits = {"outcome_unknown", "run_in_progress"}
    for job in answer["jobs"]:
        if job["action"] == "BLOCKED" and job.get("reasonCode") in waits and job.get("operationId"):
            return Code.PENDING
    if answer["decision"] != "BLOCKED":
        return Code.DONE
    blocked = {job.get("reasonCode") for job in answer["jobs"] if job["action"] == "BLOCKED"}
    refused = [line for line in answer["reasons"] if "github_refused: " in line]
    if blocked == {"github_refused"} and refused and all(map(credentials_refused, refused)):
        return Code.AUTHENTICATION
    return Code.BLOCKED
