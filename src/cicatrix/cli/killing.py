"""`cicatrix kill set|lift|list`. Setting works in an outage: deployment and action need neither token nor network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cicatrix import wiring
from cicatrix.core.policy import Environment
from cicatrix.core.records import KillSwitch
from cicatrix.flows.record import stamp
from cicatrix.ledger import Tx
from cicatrix.settings import Settings

from . import scopes, state
from .errors import Code, Stop, usage
from .keeping import lasting
from .screen import Format
from .session import opened, person, settings_of

KINDS = (scopes.DEPLOYMENT, scopes.ORGANISATION, scopes.REPOSITORY, scopes.ACTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The scope as the options name it, unchecked."""

    scope: str | None
    repo: str | None
    org: str | None
    action: str | None


def set_switch(wanted: Wanted, *, reason: str, as_json: bool, output: Format | None) -> None:
    """Stop writes in a scope. Setting it again replaces the reason, and who may not lift it."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with _at_scope(wanted, reason) as (tx, scope, _):
        index = tx.set_kill_switch(scope.kind, reason, person(), host=scope.host, target=scope.target)
    if shape is Format.JSON:
        screen.json(_told(scope) | {"set": True, "ledgerIndex": index})
    else:
        screen.line(f"■ writes are stopped for {screen.safe(scope)} (entry {index})")
        screen.say("What was sent before goes on; `cicatrix kill lift` allows writes again.")


def lift_switch(wanted: Wanted, *, reason: str, as_json: bool, output: Format | None) -> None:
    """Allow writes in a scope again. In production it takes a second person (PL-8)."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with _at_scope(wanted, reason) as (tx, scope, environment):
        known = _find(tx, scope)
        if known is None:
            raise Stop(
                f"No kill switch is set for {scope}.",
                "There is nothing to lift.",
                "`cicatrix kill list` shows what is set, and where.",
            )
        if environment is Environment.PROD and known.set_by == person():
            raise Stop(
                f"The kill switch for {scope} has to be lifted by somebody else.",
                f"{known.set_by} set it ({known.reason}), and in production a second person lifts it.",
                "Ask a colleague to run this under their own user of this machine, or to use the API.",
                Code.BLOCKED,
            )
        index = tx.lift_kill_switch(scope.kind, reason, person(), host=scope.host, target=scope.target)
    if shape is Format.JSON:
        screen.json(_told(scope) | {"set": False, "ledgerIndex": index})
    else:
        screen.line(f"✓ writes are allowed again for {screen.safe(scope)} (entry {index})")


def listed(*, as_json: bool, output: Format | None) -> None:
    """Everything that stops writes: switches of the database, the variable, the file."""
    screen = state.screen
    shape = screen.format(output, as_json)
    settings = settings_of()
    with wiring.open_ledger_only(settings) as ledger, ledger.read() as view:
        switches = view.kill_switches()
        names = {(a.host, a.repository_id): a.full_name for a in view.registries()}
        owners = {(a.host, a.owner_id): a.full_name.partition("/")[0] for a in view.registries()}
    rows = [_row(switch, names | owners if switch.scope == scopes.REPOSITORY else owners) for switch in switches]
    rows = [*_around(settings), *rows]
    if shape is Format.JSON:
        screen.json(rows)
        return
    if not rows:
        screen.line("✓ nothing is stopped: database, variable and file are off")
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    for row in rows:
        lines = {"why": row["reason"]}
        if row["source"] == "database":
            lines |= {"set": f"{showing.short_time(str(row['setAt']))} by {row['setBy']} (entry {row['ledgerIndex']})"}
        else:
            lines |= {"set": f"by {row['source']}, and lifted there"}
        showing.show_block(screen, f"■ {row['scope']} {screen.safe(row['name'])}".rstrip(), lines)


def _around(settings: Settings) -> list[dict[str, object]]:
    """What stops writes outside the database; the file is looked for now."""
    by_variable = wiring.kill_switch(settings)() if settings.kill_switch_on else None
    by_file = wiring.kill_switch(settings.model_copy(update={"kill_switch": ""}))()
    return [
        {"source": source, "scope": scopes.DEPLOYMENT, "name": "", "reason": why}
        for source, why in (("variable", by_variable), ("file", by_file))
        if why
    ]


@contextmanager
def _at_scope(wanted: Wanted, reason: str) -> Iterator[tuple[Tx, scopes.Scope, Environment]]:
    """One transaction at the scope, with the environment. Names become ids before it begins."""
    if not reason.strip():
        raise usage("The reason is empty.", "It is told with every refusal from now on.", "Say why.")
    asked = scopes.wanted(wanted.scope, repo=wanted.repo, org=wanted.org, action=wanted.action, kinds=KINDS)
    settings = lasting(settings_of())
    if not asked.needs_github:
        with wiring.open_ledger_only(settings, read_only=False) as ledger, ledger.write("kill-switch") as tx:
            yield tx, scopes.without_github(asked), settings.environment
        return
    with opened(settings, scopes.host_of(asked, settings)) as ctx:
        with ctx.ledger.read() as view:
            scope = scopes.found_at(ctx, view, asked)
        with ctx.ledger.write("kill-switch") as tx:
            yield tx, scope, settings.environment


def _find(tx: Tx, scope: scopes.Scope) -> KillSwitch | None:
    key = (scope.kind, scope.host, scope.target)
    return next((s for s in tx.kill_switches() if (s.scope, s.host, s.target) == key), None)


def _told(scope: scopes.Scope) -> dict[str, object]:
    return {"scope": scope.kind, "host": scope.host, "target": scope.target, "name": scope.name}


def _row(switch: KillSwitch, names: dict[tuple[str, str], str]) -> dict[str, object]:
    return {
        "source": "database",
        "scope": switch.scope,
        "host": switch.host,
        "target": switch.target,
        "name": names.get((switch.host, switch.target), switch.target),
        "reason": switch.reason,
        "setBy": switch.set_by,
        "setAt": stamp(switch.set_at),
        "ledgerIndex": switch.ledger_index,
    }
