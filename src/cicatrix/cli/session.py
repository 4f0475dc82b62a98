"""What most commands begin with: settings, their warnings, and a context that is closed at the end."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cicatrix import wiring
from cicatrix.core.redact import redactor
from cicatrix.flows.context import Context
from cicatrix.flows.reading import Target
from cicatrix.github import Exchange, GitHubError, Refused
from cicatrix.settings import Settings, load, warnings

from . import state
from .errors import Stop


def settings_of(*, lawbook: Path | None = None) -> Settings:
    """The settings of this command. From here on their secrets are masked in everything that is printed."""
    screen = state.screen
    settings = load({"lawbook": lawbook})
    screen.redact = redactor(settings.secrets)
    for line in warnings():
        screen.say(f"warning: {line}")
    if not settings.environment_known:
        screen.say(f"warning: DEPLOY_ENV={settings.deploy_env} is unknown and counts as prod")
    return settings


@contextmanager
def opened(settings: Settings, host: str | None = None, *, read_only: bool = False) -> Iterator[Context]:
    """The context of a command at one host. With -v events and calls go to standard error."""
    screen = state.screen
    if settings.ephemeral_ledger:
        screen.say(
            "inside GitHub Actions without CICATRIX_DATABASE_URL: the ledger ends with this job, so only the first "
            "attempt of a run may be rerun, once; wider budgets are not enforced here"
        )
    log = wiring.stderr_log(screen.redact) if screen.verbose else wiring.silent

    def call(exchange: Exchange) -> None:
        log("github.call", method=exchange.method, path=exchange.template, status=exchange.status)

    with wiring.build(settings, host=host, read_only=read_only, log=log, on_exchange=call) as ctx:
        yield ctx


def require_lawbook(ctx: Context) -> None:
    """Stops when the base lawbook that somebody named cannot be used: half a rule is no rule."""
    problems = ctx.deployment.base_problems
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Stop(
            "The lawbook cannot be used.",
            f"{problems[0]}{more}.",
            "Correct it; `cicatrix lawbook check FILE` lists every problem. Nothing was sent to GitHub.",
        )


_PLACE = re.compile(r"/(?P<kind>pulls|actions/runs)/(?P<number>\d+)\b")
_KINDS = {"pulls": "pull request", "actions/runs": "run"}


@contextmanager
def named_if_missing(ctx: Context, target: Target) -> Iterator[None]:
    """Turns GitHub's 404 for a pull request or a run of a repository that can be read into a sentence that says so."""
    try:
        yield
    except Refused as no:
        found = _PLACE.search(no.what)
        if no.status != 404 or found is None or not _readable(ctx, target):  # 404: Not Found
            raise
        raise Stop(
            f"{target.owner}/{target.repository} has no {_KINDS[found['kind']]} {found['number']}, "
            "or the token may not see it.",
            f"The repository can be read, and {no.what}.",
            "Check the number, and the token's read rights for pull requests and actions.",
        ) from no


def _readable(ctx: Context, target: Target) -> bool:
    try:
        ctx.github.repository(target.owner, target.repository)
    except GitHubError:
        return False
    return True


def principal_of(ctx: Context, owner: str = "", repository: str = "") -> str:
    """Who asks: `cli:<login of the token>@<host>` (GE-3). Raises GitHubError when GitHub does not know the token."""
    login = ctx.github.identity(owner, repository).login
    return f"cli:{login}@{ctx.github.host.name}"


def person() -> str:
    """The operating system's user, for what needs no token. Never empty."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return f"cli:{name or 'unknown-user'}@local"
