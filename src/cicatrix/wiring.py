"""The only place that builds real objects: clock, ids, threads, GitHub client, ledger, diagnoser, log."""

from __future__ import annotations

import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from cicatrix.core.access import AccessPolicy
from cicatrix.core.facts import Identity
from cicatrix.core.lawbook import Layer, LayerKind
from cicatrix.core.policy import Environment
from cicatrix.core.redact import redactor
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Deployment, Gather
from cicatrix.flows.record import action_of
from cicatrix.github import AppCredentials, Credentials, Exchange, GitHub, Host, TokenCredentials
from cicatrix.lawbook import load as load_lawbook
from cicatrix.ledger import Ledger, LedgerError, LedgerUnavailable
from cicatrix.ledger.address import parse as parse_address
from cicatrix.settings import HostEntry, Settings, SettingsError

T = TypeVar("T")

THREADS = 8
"""Reads side by side at most; each gather has a pool of its own, so that one inside another cannot starve."""

Log = Callable[..., None]


def silent(*_args: object, **_fields: object) -> None:
    """No log: what a command has without -v."""


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh unguessable id."""
    return str(uuid.uuid4())


def side_by_side(thunks: Sequence[Callable[[], T]], /) -> list[T]:
    """Runs independent reads in threads and gives their results in order; the first error in order is raised."""
    if len(thunks) <= 1:
        return [thunk() for thunk in thunks]
    with ThreadPoolExecutor(max_workers=min(THREADS, len(thunks))) as pool:
        futures = [pool.submit(thunk) for thunk in thunks]
        return [future.result() for future in futures]


class _OneIdentity(GitHub):
    """Asks once who we are: a command's credentials do not change, and each question costs a request."""

    _known: Identity | None = None

    def identity(self, owner: str = "", repo: str = "") -> Identity:
        if self._known is None:
            self._known = super().identity(owner, repo)
        return self._known


@contextmanager
def build(
    settings: Settings,
    *,
    host: str | None = None,
    read_only: bool = False,
    service: bool = False,
    transport: httpx.BaseTransport | None = None,
    now: Callable[[], datetime] = now,
    sleep: Callable[[float], None] = time.sleep,
    new_id: Callable[[], str] = new_id,
    boundary: Callable[[str], None] = lambda _name: None,
    gather: Gather = side_by_side,
    log: Log = silent,
    on_exchange: Callable[[Exchange], None] | None = None,
    diagnoser: Diagnoser | None = None,
) -> Iterator[Context]:
    """Everything a walk needs, closed at the end.

    `host` names one of `hosts(settings)`, the first one unless given. With `read_only` the ledger is read and not
    written, and a ledger that does not exist yet is an empty throw-away one. `service` asks the access policy of the
    settings for every repository; without it the person who names a repository is the policy. The other arguments take
    the place of the real clock, network, threads and log. `boundary` is called at the named points of client and
    ledger.
    Raises SettingsError, LedgerError.
    """
    with ExitStack() as stack:
        ledger = stack.enter_context(
            open_ledger_only(
                settings,
                read_only=read_only,
                now=now,
                new_id=new_id,
                boundary=boundary,
                stamp={"accessHash": access_policy(settings)[0].hash} if service else {},
            )
        )
        github = stack.enter_context(
            client(
                settings,
                host=host,
                transport=transport,
                now=now,
                sleep=sleep,
                boundary=boundary,
                on_exchange=on_exchange,
                may_write=last_look(settings, ledger),
            )
        )
        yield Context(
            github=github,
            ledger=ledger,
            diagnoser=diagnoser or make_diagnoser(settings),
            now=now,
            sleep=sleep,
            new_id=new_id,
            gather=gather,
            deployment=deployment(settings, service=service),
            log=log,
        )


@contextmanager
def open_ledger_only(
    settings: Settings,
    *,
    read_only: bool = True,
    must_exist: bool = False,
    now: Callable[[], datetime] = now,
    new_id: Callable[[], str] = new_id,
    boundary: Callable[[str], None] = lambda _name: None,
    stamp: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Ledger]:
    """The ledger by itself. `read_only` needs no right to write; without `must_exist` a missing ledger is an empty one.

    Inside GitHub Actions without a database it is a throw-away file. Raises LedgerError, SettingsError.
    """
    with ExitStack() as stack:
        url, missing = _ledger_url(settings, making=not read_only)
        if settings.ephemeral_ledger or (missing and read_only and not must_exist):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cicatrix-", ignore_cleanup_errors=True))
            url, read_only = str(Path(folder) / "ledger.db"), False
        elif missing and read_only:
            raise LedgerUnavailable(
                "There is no ledger yet.",
                f"{url} does not exist.",
                "The first `cicatrix rerun` makes it; CICATRIX_DATABASE_URL names another one.",
            )
        ledger = Ledger.open(
            url,
            now=now,
            new_id=new_id,
            boundary=boundary,
            read_only=read_only,
            redact=redactor(settings.secrets),
            stamp=stamp,
        )
        stack.callback(ledger.close)
        yield ledger


def ledger_missing(settings: Settings) -> bool:
    """Whether there is no ledger file yet, in a folder where one could be made."""
    return _ledger_url(settings, making=False)[1]


def _ledger_url(settings: Settings, *, making: bool) -> tuple[str, bool]:
    """The ledger's address, and whether its file is missing. The default one is made when it is to be written."""
    if settings.server is not None:
        raise SettingsError(
            "CICATRIX_SERVER is set, and the shell cannot ask a service yet.",
            "Only the service's own API can: POST /api/github/prs/{prNumber}/checks/rerun.",
            "Ask the API, or unset CICATRIX_SERVER and name a ledger in CICATRIX_DATABASE_URL.",
        )
    if settings.database_url is not None:
        url = settings.database_url
        path = parse_address(url).path
        return url, not path.exists() and path.parent.is_dir()
    path = settings.default_database
    if making and not settings.ephemeral_ledger:
        _make_private(path)
    return str(path), not path.exists()


def _make_private(path: Path) -> None:
    """The default ledger's folder and file, for this user alone."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as trouble:
        raise LedgerUnavailable(
            "The ledger cannot be made.",
            f"{path}: {trouble.strerror}.",
            "Name another place in CICATRIX_DATABASE_URL, such as sqlite:////absolute/path/ledger.db.",
        ) from None


# --- GitHub ---------------------------------------------------------------------------------------------------------


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
) -> GitHub:
    """A client for the named host. The caller closes it. Raises SettingsError."""
    place = pick_host(settings, host)
    return _OneIdentity(
        place,
        credentials_for(settings, place),
        transport=transport,
        now=now,
        sleep=sleep,
        jitter=random.SystemRandom().random,
        boundary=boundary,
        on_exchange=on_exchange,
        may_write=may_write,
    )


def last_look(settings: Settings, ledger: Ledger) -> Callable[[str], str | None]:
    """Why an operation may not leave at the very last moment: variable, file and the ledger's switches; doubt is a no.

    The decision looked at the same under its lock. Between it and the bytes a token may have been fetched, or a process
    may have slept (GE-5: no write starts more than 1 s after a switch was set).
    """
    file_or_variable = kill_switch(settings)

    def asked(operation_id: str) -> str | None:
        if why := file_or_variable():
            return why
        try:
            with ledger.read() as view:
                operation = view.operation(operation_id)
                if operation is None:
                    return f"the ledger knows no operation {operation_id}"
                action = action_of(operation).value
                return view.kill_switch(operation.host, operation.repository_id, operation.owner_id, action)
        except LedgerError as trouble:
            return f"the ledger's switches cannot be read: {trouble}"

    return asked


# --- the rest ----------------------------------------------------------------------------------------------------


def deployment(settings: Settings, *, service: bool = False) -> Deployment:
    """What the settings say about this installation."""
    base, problems = base_lawbook(settings)
    return Deployment(
        environment=settings.environment,
        base=base,
        base_problems=problems,
        lawbook_pin=settings.lawbook_hash,
        write_interval=settings.write_pause,
        reconcile_window=settings.window,
        poll_interval=settings.poll,
        kill_switch=kill_switch(settings),
        attempt_bound_only=settings.ephemeral_ledger,
        access=access_policy(settings)[0] if service else None,
    )


DEMO_ALLOWLIST = '{"allowlist": [{"owner": "acme", "repo": "shop"}]}'
"""What a service may touch at a simulated GitHub where no allowlist is set: the repository of the drills (AU-1)."""


def access_policy(settings: Settings) -> tuple[AccessPolicy, tuple[str, ...]]:
    """The service's access policy, and why the configured one cannot be used; it then denies every repository."""
    text = settings.repo_allowlist
    if text is None and settings.on_loopback:
        text = DEMO_ALLOWLIST
    if text is None:
        why = "GITHUB_REPO_ALLOWLIST is not set"
        return AccessPolicy.deny_all(why), (why,)
    found = AccessPolicy.parse(text)
    if isinstance(found, AccessPolicy):
        return found, ()
    return AccessPolicy.deny_all("; ".join(found)), found


def base_lawbook(settings: Settings) -> tuple[Layer | None, tuple[str, ...]]:
    """The deployment's base lawbook, or why its file cannot be used; (None, ()) without one."""
    path = settings.lawbook
    if path is None:
        return None, ()
    try:
        text = path.read_bytes()
    except OSError as trouble:
        return None, (f"{path} cannot be read: {trouble.strerror}",)
    layer, problems = load_lawbook(text, str(path), kind=LayerKind.DEPLOYMENT)
    return layer, tuple(str(problem) for problem in problems)


def kill_switch(settings: Settings) -> Callable[[], str | None]:
    """Why variable or file stop writes, if they do. The file is looked for anew at each call; doubt means stopped."""
    file = settings.kill_switch_file

    def asked() -> str | None:
        if settings.kill_switch_on:
            return "CICATRIX_KILL_SWITCH is set"
        if file is None:
            return None
        try:
            file.lstat()
        except FileNotFoundError:
            return None if file.absolute().parent.is_dir() else f"the folder of {file} cannot be found"
        except OSError as trouble:
            return f"{file} cannot be looked for: {trouble.strerror}"
        return f"{file} exists"

    return asked


def make_diagnoser(settings: Settings) -> Diagnoser:
    """The diagnoser, with the compiled rule set kept in the user's cache folder."""
    return Diagnoser(cache=settings.cache_folder)


def stderr_log(redact: Callable[[str], str]) -> Log:
    """A log to standard error, one line an event, foreign text cleaned: what -v shows."""
    import structlog  # noqa: PLC0415 -- only with -v

    def cleaned(_logger: object, _name: str, event: dict[str, object]) -> dict[str, object]:
        return {key: _redacted(value, redact) for key, value in event.items()}

    logger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            cleaned,  # type: ignore[list-item]  # a processor over our own dict of plain values
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "event"]),
        ],
    )

    def log(event: str, **fields: object) -> None:
        logger.info(event, **fields)

    return log


def _redacted(value: object, redact: Callable[[str], str]) -> object:
    """A value for a log line: text redacted wherever it stands, anything that is no plain value by its words."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, redact) for item in value]
    return redact(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
