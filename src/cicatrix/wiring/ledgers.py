"""Opening the ledger that the settings name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from cicatrix.core.redact import redactor
from cicatrix.ledger import Ledger, LedgerUnavailable
from cicatrix.ledger.address import parse as parse_address
from cicatrix.settings import Settings, SettingsError

from .basics import new_id, now


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
