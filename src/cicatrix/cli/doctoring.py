"""`cicatrix doctor`."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from pathlib import Path

from cicatrix import wiring
from cicatrix.flows.doctor import Check, Health, Patient, examine, healthy
from cicatrix.github import Exchange, GitHub, TokenCredentials
from cicatrix.settings import Settings, SettingsError

from . import state
from .errors import Code
from .screen import Format
from .session import settings_of
from .targets import repository

MARKS = {Health.OK: "✓ ok", Health.WARNING: "! warning", Health.ERROR: "✗ error"}


def doctor(*, repo: str | None, lawbook: Path | None, as_json: bool, output: Format | None) -> Code:
    """Every check; 1 when one is an error."""
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
    return Code.DONE if healthy(checks) else Code.ERROR


def _show(check: Check) -> None:
    screen = state.screen
    screen.line(f"{MARKS[check.health]:<10} {check.item:<19} {screen.safe(check.says)}")
    if check.remedy:
        screen.line(f"{'':<30} → {screen.safe(check.remedy)}")


def _patient(stack: ExitStack, settings: Settings, repo: str | None) -> Patient:
    base, problems = wiring.base_lawbook(settings)
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
        fast_scanner=importlib.util.find_spec("hyperscan") is not None,
    )


def _ledger_size(settings: Settings) -> int | None:
    if wiring.ledger_missing(settings):
        return None
    with wiring.open_ledger_only(settings, read_only=False) as ledger, ledger.read() as view:
        return view.size()
