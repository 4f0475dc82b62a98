"""The only place that builds real objects: clock, ids, threads, GitHub client, ledger, diagnoser, log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import httpx

from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context, Gather
from cicatrix.github import Exchange
from cicatrix.settings import Settings

from .basics import Log, new_id, now, side_by_side, silent, stderr_log
from .deployments import access_policy, base_lawbook, deployment, kill_switch, last_look
from .hosts import client, credential_name, credentials_for, hosts, pick_host
from .ledgers import ledger_missing, open_ledger_only
from .workshops import dispatchers, workshop

__all__ = [
    "access_policy",
    "base_lawbook",
    "build",
    "client",
    "credentials_for",
    "deployment",
    "hosts",
    "kill_switch",
    "last_look",
    "ledger_missing",
    "make_diagnoser",
    "new_id",
    "now",
    "open_ledger_only",
    "pick_host",
    "side_by_side",
    "silent",
    "stderr_log",
]


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
        may_write = last_look(settings, ledger)
        github = stack.enter_context(
            client(
                settings,
                host=host,
                transport=transport,
                now=now,
                sleep=sleep,
                boundary=boundary,
                on_exchange=on_exchange,
                may_write=may_write,
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
            workshop=workshop(settings, github),
            dispatchers=tuple(
                stack.enter_context(
                    dispatchers(
                        settings,
                        host=host,
                        transport=transport,
                        now=now,
                        sleep=sleep,
                        boundary=boundary,
                        on_exchange=on_exchange,
                        may_write=may_write,
                    )
                )
            ),
            credential=credential_name(settings, host),
            may_write=may_write,
            boundary=boundary,
        )


def make_diagnoser(settings: Settings) -> Diagnoser:
    """The diagnoser, with the compiled rule set kept in the user's cache folder."""
    return Diagnoser(cache=settings.cache_folder)
