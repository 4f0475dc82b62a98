"""Where git work happens, and the further credentials that may start a validation."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import httpx
from pydantic import SecretStr

from cicatrix.core.facts import Repository
from cicatrix.flows.context import Dispatcher, Workshop
from cicatrix.git import Mirror, Remote
from cicatrix.github import AppCredentials, Credentials, Exchange, GitHub, TokenCredentials
from cicatrix.settings import Settings, SettingsError
from cicatrix.settings.surroundings import inherited

from .basics import now
from .hosts import client, credentials_for, pick_host

FINGERPRINT_SALT = b"cicatrix credential fingerprint:"
"""Told apart from any other use of a hash of the token; a token has too much chance in it to be guessed."""


def workshop(settings: Settings, github: GitHub) -> Workshop:
    """Mirrors below the settings' folder, one a repository, reached by this client's credential."""
    opened: dict[str, Mirror] = {}

    def mirror(home: Repository) -> Mirror:
        if home.full_name in opened:  # opening it proves this git's behaviour, which takes a second
            return opened[home.full_name]
        place = settings.mirrors / github.host.name.replace(":", "_") / f"{home.id}.git"

        def token() -> str | None:
            secret = github.push_token(home.owner, home.name, workflows=False)
            return None if secret is None else secret.reveal()

        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened[home.full_name] = Mirror.open(place, Remote(github.clone_url(home.owner, home.name), token))
        return opened[home.full_name]

    return Workshop(mirror=mirror, environ=inherited())


def fingerprint(credentials: Credentials) -> str:
    """A name for a credential that gives nothing of it away: for an App its id, else a salted hash of the token."""
    if isinstance(credentials, AppCredentials):
        return f"app:{credentials.app_id}"
    return hashlib.sha256(FINGERPRINT_SALT + credentials.token.reveal().encode()).hexdigest()[:16]


@contextmanager
def dispatchers(
    settings: Settings,
    *,
    host: str | None = None,
    transport: httpx.BaseTransport | None = None,
    now: Callable[[], datetime] = now,
    sleep: Callable[[float], None] = time.sleep,
    boundary: Callable[[str], None] = lambda _name: None,
    on_exchange: Callable[[Exchange], None] | None = None,
    may_write: Callable[[str], str | None] = lambda _operation_id: None,
) -> Iterator[tuple[Dispatcher, ...]]:
    """The credentials of RD-1 in their order: App, GITHUB_TOKEN, CI_REDISPATCH_TOKEN, the previous one while it counts.

    Those that are configured for the host, each with a client of its own. Raises SettingsError for a token that cannot
    be one.
    """
    place = pick_host(settings, host)
    with ExitStack() as stack:
        found = []
        for name, credentials in _in_order(settings, host, now()):
            github = client(
                settings,
                host=place.name,
                transport=transport,
                now=now,
                sleep=sleep,
                boundary=boundary,
                on_exchange=on_exchange,
                may_write=may_write,
                credentials=credentials,
            )
            found.append(
                Dispatcher(name=name, github=stack.enter_context(github), fingerprint=fingerprint(credentials))
            )
        yield tuple(found)


def _in_order(settings: Settings, host: str | None, at: datetime) -> list[tuple[str, Credentials]]:
    place = pick_host(settings, host)
    main = credentials_for(settings, place)
    found: list[tuple[str, Credentials]] = []
    if isinstance(main, AppCredentials):
        found.append(("app", main))
    if isinstance(main, TokenCredentials):
        found.append(("GITHUB_TOKEN", main))
    elif settings.github_token is not None and place.api_url == settings.github_api_url.rstrip("/"):
        found.append(("GITHUB_TOKEN", _token("GITHUB_TOKEN", settings.github_token)))
    if place.api_url != settings.github_api_url.rstrip("/"):
        return found
    if settings.redispatch_token is not None:
        found.append(("CI_REDISPATCH_TOKEN", _token("CI_REDISPATCH_TOKEN", settings.redispatch_token)))
    until = settings.redispatch_token_previous_until
    if settings.redispatch_token_previous is not None and until is not None and at < until:
        found.append(
            ("CI_REDISPATCH_TOKEN_PREVIOUS", _token("CI_REDISPATCH_TOKEN_PREVIOUS", settings.redispatch_token_previous))
        )
    return found


def _token(name: str, value: SecretStr) -> TokenCredentials:
    try:
        return TokenCredentials(value.get_secret_value())
    except ValueError as wrong:
        raise SettingsError(f"{name} cannot be used.", f"{wrong}.", "Correct it, or unset the variable.") from None
