"""GitHub at the hosts that the settings name, and who we are there."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from cicatrix.core.facts import Identity
from cicatrix.core.policy import Environment
from cicatrix.github import AppCredentials, Credentials, Exchange, GitHub, Host, TokenCredentials
from cicatrix.settings import HostEntry, Settings, SettingsError

from .basics import now


class _OneIdentity(GitHub):
    """Asks once who we are: a command's credentials do not change, and each question costs a request."""

    _known: Identity | None = None

    def identity(self, owner: str = "", repo: str = "") -> Identity:
        if self._known is None:
            self._known = super().identity(owner, repo)
        return self._known


def hosts(settings: Settings) -> tuple[Host, ...]:
    """The configured hosts, the default one first. Raises SettingsError for one that must not be used."""
    entries = settings.hosts or (_only_host(settings),)
    try:
        found = [_host(entry, settings) for entry in entries]
    except ValueError as wrong:
        raise SettingsError(
            "A GitHub host cannot be used.",
            f"{wrong}.",
            "Correct GITHUB_API_URL, or CICATRIX_HOSTS, CICATRIX_LOG_HOSTS and CICATRIX_LOG_NETWORKS.",
        ) from None
    return tuple(sorted(found, key=lambda h: h.api_url != settings.github_api_url.rstrip("/")))


def _only_host(settings: Settings) -> HostEntry:
    place = urlsplit(settings.github_api_url)
    name = place.netloc.rpartition("@")[2] or "github.com"
    return HostEntry(name="github.com" if name == "api.github.com" else name, api_url=settings.github_api_url)


def _host(entry: HostEntry, settings: Settings) -> Host:
    ca_file = entry.ca_file or settings.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise ValueError(f"the CA file {ca_file} of host {entry.name} cannot be read")
    return Host(
        name=entry.name,
        api_url=entry.api_url,
        web_url=entry.web_url,
        log_hosts=entry.log_hosts if entry.log_hosts is not None else settings.log_hosts,
        log_networks=entry.log_networks or settings.log_networks,
        ca_file=None if ca_file is None else str(ca_file),
        api_version=entry.api_version or settings.api_version,
        allow_http=entry.api_url.startswith("http://"),  # which `Host` accepts for loopback only
    )


def pick_host(settings: Settings, name: str | None) -> Host:
    """The host of that name, or the default one. Raises SettingsError for a name that is not configured."""
    found = hosts(settings)
    for host in found:
        if name is None or host.name.lower() == name.lower():
            return host
    raise SettingsError(
        f"The host {name} is not configured.",
        f"Configured are {', '.join(h.name for h in found)}.",
        "Add it to CICATRIX_HOSTS, or set GITHUB_API_URL to its API.",
    )


def credentials_for(settings: Settings, host: Host) -> Credentials | None:
    """Who we are at that host, or None. GITHUB_TOKEN and the App belong to GITHUB_API_URL's host alone.

    Raises SettingsError for a token or key that cannot be one, and for a classic personal token in production (AU-3).
    """
    try:
        found = _credentials(settings, host)
    except (ValueError, OSError) as wrong:
        why = wrong.strerror if isinstance(wrong, OSError) else str(wrong)
        raise SettingsError(
            f"The credentials for {host.name} cannot be used.", f"{why}.", "Correct them, or unset the variable."
        ) from None
    classic = isinstance(found, TokenCredentials) and found.classic
    if classic and settings.environment is Environment.PROD and not settings.allow_classic_token:
        raise SettingsError(
            "A classic personal token is refused in production.",
            "It cannot be narrowed to one repository or one permission.",
            "Use a GitHub App or a fine-grained token; CICATRIX_ALLOW_CLASSIC_TOKEN=true lets this one through.",
        )
    return found


def _credentials(settings: Settings, host: Host) -> Credentials | None:
    entry = next((e for e in settings.hosts if e.name.lower() == host.name.lower()), None)
    if entry is not None and entry.app_id is not None and entry.app_private_key_file is not None:
        key = entry.app_private_key_file.read_bytes()
        return AppCredentials(entry.app_id, key, entry.app_installation_id)
    if entry is not None and entry.token is not None:
        return TokenCredentials(entry.token.get_secret_value())
    if entry is not None and entry.token_file is not None:
        return TokenCredentials(entry.token_file.read_text(encoding="utf-8"))
    if host.api_url != settings.github_api_url.rstrip("/"):
        return None
    if settings.github_app_id is not None and settings.github_app_private_key is not None:
        key_text = settings.github_app_private_key.get_secret_value()
        return AppCredentials(settings.github_app_id, key_text, settings.github_app_installation_id)
    if settings.github_token is not None:
        return TokenCredentials(settings.github_token.get_secret_value())
    return None


def client(
    settings: Settings,
    *,
    host: str | None = None,
    transport: httpx.BaseTransport | None = None,
    now: Callable[[], datetime] = now,
    sleep: Callable[[float], None] = time.sleep,
    boundary: Callable[[str], None] = lambda _name: None,
    on_exchange: Callable[[Exchange], None] | None = None,
    may_write: Callable[[str], str | None] = lambda _operation_id: None,
    credentials: Credentials | None = None,
) -> GitHub:
    """A client for the named host. The caller closes it. `credentials` take the place of the settings' own.

    Raises SettingsError.
    """
    place = pick_host(settings, host)
    return _OneIdentity(
        place,
        credentials or credentials_for(settings, place),
        transport=transport,
        now=now,
        sleep=sleep,
        jitter=random.SystemRandom().random,
        boundary=boundary,
        on_exchange=on_exchange,
        may_write=may_write,
    )


def credential_name(settings: Settings, host: str | None) -> str:
    """What the credential at that host is called in reports."""
    given = credentials_for(settings, pick_host(settings, host))
    return "app" if isinstance(given, AppCredentials) else "GITHUB_TOKEN"
