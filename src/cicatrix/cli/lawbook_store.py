"""`cicatrix lawbook activate|deactivate|history`: the lawbook service, from a shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cicatrix import wiring
from cicatrix.core.lawbook import LayerKind
from cicatrix.flows.lawbooks import Target, Version, activate, deactivate, read_version
from cicatrix.flows.record import stamp
from cicatrix.lawbook import LARGEST
from cicatrix.ledger import Ledger

from . import scopes, state
from .documents import content, first
from .errors import Stop, usage
from .keeping import lasting, who
from .screen import Format
from .session import opened, person, settings_of

KINDS = (scopes.DEPLOYMENT, scopes.ORGANISATION, scopes.REPOSITORY)


def store(
    file: Path, *, scope: str | None, repo: str | None, org: str | None, as_json: bool, output: Format | None
) -> None:
    """Check a lawbook, store it as a version and make it active in its scope."""
    screen = state.screen
    shape = screen.format(output, as_json)
    asked = scopes.wanted(scope, repo=repo, org=org, action=None, kinds=KINDS)
    version = _version(file, LayerKind(asked.kind))
    with _at(asked) as (ledger, target, principal):
        index = activate(ledger, version, target, principal)
    for line in version.ignored if asked.kind == scopes.DEPLOYMENT else ():
        screen.say(f"warning: {line}")
    if shape is Format.JSON:
        screen.json(
            {
                "scope": target.scope,
                "host": target.host,
                "target": target.id,
                "name": target.name,
                "version": version.version,
                "hash": version.hash,
                "baseHash": version.base_hash if asked.kind == scopes.DEPLOYMENT else None,
                "changed": index is not None,
                "ledgerIndex": index,
            }
        )
        return
    where = screen.safe(scopes.Scope(kind=target.scope, name=target.name))
    if index is None:
        screen.line(f"○ version {screen.safe(version.version)} is active for {where} already; nothing was changed")
        return
    screen.line(f"✓ version {screen.safe(version.version)} is active for {where} (entry {index})")
    screen.line(f"  hash {version.hash}")
    if asked.kind == scopes.DEPLOYMENT:
        screen.line(f"  base {version.base_hash} (what LAWBOOK_HASH pins)")


def end(
    *, scope: str | None, repo: str | None, org: str | None, reason: str, as_json: bool, output: Format | None
) -> None:
    """End what is active in a scope; the layers beside it hold on."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if not reason.strip():
        raise usage("The reason is empty.", "It is recorded for whoever reads the ledger later.", "Say why.")
    asked = scopes.wanted(scope, repo=repo, org=org, action=None, kinds=KINDS)
    with _at(asked) as (ledger, target, principal):
        index = deactivate(ledger, target, reason, principal)
    where = screen.safe(scopes.Scope(kind=target.scope, name=target.name))
    if index is None:
        raise Stop(
            f"No stored lawbook is active for {where}.",
            "There is nothing to end.",
            "`cicatrix lawbook history` shows what was active, and where.",
        )
    if shape is Format.JSON:
        screen.json({"scope": target.scope, "name": target.name, "deactivated": True, "ledgerIndex": index})
    else:
        screen.line(f"✓ no stored lawbook is active for {where} any more (entry {index})")


def history(*, scope: str | None, repo: str | None, org: str | None, as_json: bool, output: Format | None) -> None:
    """Every activation and its end, oldest first; of one scope when one is named."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if scope is None and repo is None and org is None:
        with wiring.open_ledger_only(settings_of()) as ledger, ledger.read() as view:
            events = view.lawbook_history()
    else:
        asked = scopes.wanted(scope, repo=repo, org=org, action=None, kinds=KINDS)
        with _at(asked, reading=True) as (ledger, target, _), ledger.read() as view:
            events = view.lawbook_history(target.scope, target.host, target.id)
    if shape is Format.JSON:
        screen.json(
            [
                {
                    "scope": e.scope,
                    "host": e.host,
                    "target": e.target,
                    "name": e.full_name,
                    "version": e.version,
                    "hash": e.hash,
                    "action": e.action,
                    "at": stamp(e.at),
                    "by": e.by,
                    "reason": e.reason,
                    "ledgerIndex": e.ledger_index,
                }
                for e in events
            ]
        )
        return
    if not events:
        screen.line("○ no lawbook was ever stored; `cicatrix lawbook activate FILE` does it")
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    for e in events:
        lines = {
            "for": f"the {e.scope} {e.full_name}".strip(),
            "when": f"{showing.short_time(stamp(e.at))} by {e.by} (entry {e.ledger_index})",
            "hash": e.hash,
        }
        showing.show_block(
            screen, f"{screen.safe(e.version)}  {e.action}", lines | ({"why": e.reason} if e.reason else {})
        )


def _version(file: Path, kind: LayerKind) -> Version:
    text = content(file, LARGEST, "Name the lawbook that shall be active; `cicatrix lawbook check` checks one.")
    version, problems = read_version(text, str(file), kind)
    if version is None:
        raise Stop(
            f"The lawbook {file} is not valid.",
            first(problems),
            "Correct it there; `cicatrix lawbook check` lists every problem. Nothing was stored.",
        )
    return version


@contextmanager
def _at(asked: scopes.Wanted, *, reading: bool = False) -> Iterator[tuple[Ledger, Target, str]]:
    """The ledger, the scope with its ids, and who asks."""
    settings = settings_of() if reading else lasting(settings_of())
    if not asked.needs_github:
        with wiring.open_ledger_only(settings, read_only=reading) as ledger:
            yield ledger, Target(scope=asked.kind), person()
        return
    with opened(settings, scopes.host_of(asked, settings), read_only=reading) as ctx:
        with ctx.ledger.read() as view:
            scope = scopes.found_at(ctx, view, asked)
        target = Target(scope=scope.kind, host=scope.host, id=scope.target, name=scope.name)
        yield ctx.ledger, target, "" if reading else who(ctx)
