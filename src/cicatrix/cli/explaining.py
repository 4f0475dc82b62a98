"""`cicatrix explain`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cicatrix import wiring
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.reasons import Reason
from cicatrix.flows import explain as flow
from cicatrix.settings import Settings

from . import state
from .errors import Stop
from .screen import Format
from .session import named_if_missing, opened, require_lawbook, settings_of
from .targets import parse_all


def explain(
    text: str | None,
    *,
    repo: str | None,
    run_id: str | None,
    lawbook: Path | None,
    as_json: bool,
    output: Format | None,
) -> None:
    """Print why and why not; writes nothing."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if text is not None and text.strip() in {*Reason, *HealReason}:
        code = text.strip()
        _page(flow.explain_reason(Reason(code) if code in set(Reason) else HealReason(code)), shape)
        return
    settings = settings_of(lawbook=lawbook)
    if text is not None and not any(sign in text for sign in "#@:/") and not text.lstrip("-").isdigit():
        _operation(settings, text.strip(), shape)
        return
    pointed = parse_all([] if text is None else [text], repo=repo, run_id=run_id, hosts=wiring.hosts(settings))[0]
    with opened(settings, pointed.host, read_only=True) as ctx:
        require_lawbook(ctx)
        with named_if_missing(ctx, pointed.target):
            told = flow.explain(ctx, pointed.target)
    if shape is Format.JSON:
        screen.json(told)
    else:
        _show(told)


def _show(told: Mapping[str, Any]) -> None:
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    screen = state.screen
    for run in told["runs"]:
        showing.show_run(screen, run)
    if told["nothing"]:
        screen.folded(f"○ nothing to do for {screen.safe(told['target'])}: {screen.safe(told['nothing'])}", hang=2)
    for earlier in told["earlier"]:
        screen.line(f"run {earlier['runId']} before: {screen.safe(earlier['url'])}")
        showing.show_case(screen, earlier)
    for check in told["otherChecks"]:
        screen.folded(
            f"○ {screen.safe(check['name'])}: a check of {screen.safe(check['app'])}, not GitHub Actions", hang=2
        )
    policy = told["policy"]
    version, hashed = screen.safe(told["lawbookVersion"]), told["lawbookHash"][:12]
    screen.folded(f"policy: {told['deploymentEnv']}, lawbook {version} ({hashed})", hang=2)
    if not told["runs"]:
        showing.show_bound(screen, policy["bound"])
    for stop in policy["stops"]:
        screen.folded(f"  stops every write: {stop['code']}: {screen.safe(stop['why'])}", hang=4)
    for remark in policy["remarks"]:
        screen.folded(f"  {screen.safe(remark)}", hang=4)


def _page(page: Mapping[str, str], shape: Format) -> None:
    screen = state.screen
    if shape is Format.JSON:
        screen.json(page)
        return
    screen.line(f"{page['code']} ({page['action']})")
    for label, name in (("means", "means"), ("look at", "lookAt"), ("would change it", "wouldChange")):
        screen.folded(f"  {label:<16}{page[name]}", hang=18)


def _operation(settings: Settings, operation_id: str, shape: Format) -> None:
    screen = state.screen
    with wiring.open_ledger_only(settings) as ledger, ledger.read() as view:
        told = flow.explain_operation(view, operation_id) or flow.explain_case(view, operation_id)
    if told is None:
        raise Stop(
            f"Nothing is known of {operation_id[:80]}.",
            "It is no target, no reason code, no operation and no case of this ledger.",
            "`cicatrix operation list --all` lists the operations; `cicatrix explain --help` shows what may be named.",
        )
    if shape is Format.JSON:
        screen.json(told)
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    if "operation" in told:
        showing.show_operation(screen, told["operation"])
    else:
        about = told["ref"] or f"run {told['runId']}"
        screen.line(f"{screen.safe(told['repository'])} {screen.safe(about)} at {told['headSha'][:12]}")
    showing.show_case(screen, told)
