"""`cicatrix doctor`."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from cicatrix import wiring
from cicatrix.core.lawbook import Layer, LayerKind
from cicatrix.flows.doctor import Check, Health, Patient, credentials_lacking, examine, healthy
from cicatrix.flows.doctor_rights import Allowlist, Rights, read_rights
from cicatrix.github import Exchange, GitHub, GitHubError, TokenCredentials
from cicatrix.lawbook import load
from cicatrix.ledger import LedgerError, LedgerUnavailable
from cicatrix.settings import Settings, SettingsError

from . import state
from .errors import Code
from .screen import Format
from .session import settings_of
from .targets import repository

MARKS = {Health.OK: "✓ ok", Health.WARNING: "! warning", Health.ERROR: "✗ error"}


def doctor(*, repo: str | None, lawbook: Path | None, as_json: bool, output: Format | None) -> Code:
    """Every check; 4 when the credentials are missing, refused or too narrow, 1 for any other error."""
    screen = state.screen
    shape = screen.format(output, as_json)
    settings = settings_of(lawbook=lawbook)
    with ExitStack() as stack:
        checks = examine(_patient(stack, settings, repo))
    if shape is Format.JSON:
        screen.json([{"item": c.item, "health": c.health.value, "says": c.says, "remedy": c.remedy} for c in checks])
    else:
        for check in checks:
            _show(check)
    if credentials_lacking(checks):
        return Code.AUTHENTICATION
    return Code.DONE if healthy(checks) else Code.ERROR


def _show(check: Check) -> None:
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    screen = state.screen
    screen.show(showing.hanging(f"{MARKS[check.health]:<10} {check.item:<19}", screen.safe(check.says), width=31))
    if check.remedy:
        screen.show(showing.hanging("", f"→ {screen.safe(check.remedy)}", width=31))


def _patient(stack: ExitStack, settings: Settings, repo: str | None) -> Patient:
    exchanges: list[Exchange] = []
    github: GitHub | None = None
    credential: str | None = None
    problem: tuple[str, str] | None = None
    place: tuple[str, str] | None = None
    try:
        host = None
        if repo is not None:
            host, owner, name = repository(repo, wiring.hosts(settings))
            place = owner, name
        github = stack.enter_context(wiring.client(settings, host=host, on_exchange=exchanges.append))
        given = wiring.credentials_for(settings, github.host)
        credential = None if given is None else given.kind
        if isinstance(given, TokenCredentials) and given.classic:
            credential = "classic"
    except SettingsError as wrong:
        problem = f"{wrong.what} {wrong.why}", wrong.next
    rights = _rights(settings, github, place)
    base, problems = _base(settings, rights)
    policy, troubles = wiring.access_policy(settings)
    return Patient(
        deploy_env=settings.deploy_env,
        environment=settings.environment,
        environment_known=settings.environment_known,
        base=base,
        base_file=None if settings.lawbook is None else str(settings.lawbook),
        base_problems=problems,
        pin=settings.lawbook_hash,
        ledger_place=settings.database_url or str(settings.default_database),
        open_ledger=lambda: _ledger_size(settings),
        attempt_bound_only=settings.ephemeral_ledger,
        github=github,
        credential=credential,
        credential_problem=problem,
        exchanges=exchanges,
        repository=place,
        kill_switch=wiring.kill_switch(settings),
        now=datetime.now(UTC),
        fast_scanner=importlib.util.find_spec("hyperscan") is not None,
        rights=rights,
        allowlist=Allowlist(policy=policy, configured=settings.repo_allowlist is not None, problems=troubles),
    )


def _rights(settings: Settings, github: GitHub | None, place: tuple[str, str] | None) -> Rights | None:
    """What the ledger holds about rights; None when it cannot be read (its own line then says why)."""
    found = None
    if github is not None and place is not None:
        with suppress(GitHubError):  # the repository's own line says why
            found = github.repository(*place)
    try:
        with wiring.open_ledger_only(settings) as ledger, ledger.read() as view:
            return read_rights(view, github.host.name if github else "", found)
    except (LedgerError, SettingsError):
        return None


def _base(settings: Settings, rights: Rights | None) -> tuple[Layer | None, tuple[str, ...]]:
    """The deployment's base lawbook: the file given to it, else the stored one."""
    base, problems = wiring.base_lawbook(settings)
    stored = next((s for s in rights.lawbooks if s.scope == LayerKind.DEPLOYMENT), None) if rights else None
    if settings.lawbook is not None or stored is None:
        return base, problems
    layer, wrong = load(stored.content.encode(), f"{stored.file} (stored)", kind=LayerKind.DEPLOYMENT)
    return layer, tuple(str(problem) for problem in wrong)


def _ledger_size(settings: Settings) -> int | None:
    try:
        missing = wiring.ledger_missing(settings)
    except SettingsError as wrong:
        raise LedgerUnavailable(wrong.what, wrong.why, wrong.next) from None
    if missing:
        return None
    with wiring.open_ledger_only(settings, read_only=False) as ledger, ledger.read() as view:
        return view.size()
