"""`cicatrix registry show|history|deactivate`: what is active, who made it so, and taking it back."""

from __future__ import annotations

import json
from typing import Any

from cicatrix import wiring
from cicatrix.core.facts import Repository
from cicatrix.core.records import RegistryEvent
from cicatrix.core.registry import ActiveRegistry
from cicatrix.flows.record import stamp
from cicatrix.flows.registering import counts, stale
from cicatrix.flows.registry_diff import DEFAULT, fields
from cicatrix.ledger import View

from . import showing, state
from .errors import Stop, usage
from .keeping import at, known_id, looked_up, who
from .screen import Format
from .session import settings_of


def show(*, repo: str | None, as_json: bool, output: Format | None) -> None:
    """What is active: one repository's document with file and line of each field, or a line for each repository."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if repo is None:
        _list(shape)
        return
    with at(repo, writing=False) as (ctx, owner, name):
        found, trouble = looked_up(ctx, owner, name)
        with ctx.ledger.read() as view:
            told, active = _told(view, ctx.github.host.name, f"{owner}/{name}", found, trouble)
    if shape is Format.JSON:
        screen.json(told)
        return
    screen.line(f"{screen.safe(told['repository'])} ({told['host']}, id {told['repositoryId'] or 'unknown'})")
    for remark in told["remarks"]:
        screen.show(showing.hanging("! ", screen.safe(remark), width=2))
    if active is None:
        screen.line("○ no registry is active: prod refuses every action, staging allows reruns under built-in limits")
        return
    lines = {
        "counts": "yes" if told["counts"] else "unknown" if told["counts"] is None else "no",
        "id": f"{active.registry.registry_id}, version {active.registry.version}, revision {told['revision']}",
        "hash": active.registry.hash,
        "since": f"{showing.short_time(told['activatedAt'])} by {told['activatedBy']} (entry {active.activated_index})",
    }
    showing.show_block(screen, "registry", lines)
    rows = fields(active.registry)
    if screen.width >= showing.WIDE:
        showing.show_rows(screen, ("field", "value", "from"), rows)
        return
    for place, value, origin in rows:
        bracketed = origin if origin == DEFAULT else f"({origin})"
        screen.show(showing.hanging("", screen.safe(f"{place}: {value}  {bracketed}"), width=2))


def history(*, repo: str, as_json: bool, output: Format | None) -> None:
    """Every change of a repository's registry, oldest first."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with at(repo, writing=False) as (ctx, owner, name):
        found, trouble = looked_up(ctx, owner, name)
        host = ctx.github.host.name
        with ctx.ledger.read() as view:
            repository_id = known_id(view, host, found, f"{owner}/{name}")
            events = view.registry_history(host, repository_id) if repository_id else ()
    if trouble:
        screen.say(f"warning: the name was looked up in the ledger only, since {trouble}")
    if shape is Format.JSON:
        screen.json([_event(event) for event in events])
        return
    if not events:
        screen.line("○ no registry was ever active for this repository")
        return
    for event in events:
        lines = {
            "for": f"{event.repository} (id {event.repository_id})",
            "when": f"{showing.short_time(stamp(event.at))} by {event.by} (entry {event.ledger_index})",
            "hash": event.content_hash,
        }
        head = f"revision {event.revision}  {event.action}, version {screen.safe(event.version)}"
        showing.show_block(screen, head, lines | ({"why": event.reason} if event.reason else {}))


def deactivate(*, repo: str, reason: str, as_json: bool, output: Format | None) -> None:
    """Take the registry of a repository back: in prod nothing may be done there any more."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if not reason.strip():
        raise usage("The reason is empty.", "It is recorded for whoever reads the ledger later.", "Say why.")
    with at(repo, writing=True) as (ctx, owner, name):
        found, _ = looked_up(ctx, owner, name)
        host, principal = ctx.github.host.name, who(ctx)
        with ctx.ledger.write("registry") as tx:
            # by its name first: the entry of a repository that is gone, or that another one replaced, is meant too
            named = tx.registry_named(host, f"{owner}/{name}")
            repository_id = named.repository_id if named else known_id(tx, host, found, f"{owner}/{name}")
            index = tx.deactivate_registry(host, repository_id, reason, principal) if repository_id else None
    if index is None:
        raise Stop(
            f"{owner}/{name} has no active registry.",
            "There is nothing to take back.",
            "`cicatrix registry show` lists what is active.",
        )
    if shape is Format.JSON:
        screen.json({"repository": f"{owner}/{name}", "deactivated": True, "ledgerIndex": index})
    else:
        screen.line(f"✓ {screen.safe(f'{owner}/{name}')} has no registry any more (entry {index})")


def _list(shape: Format) -> None:
    screen = state.screen
    with wiring.open_ledger_only(settings_of()) as ledger, ledger.read() as view:
        rows = view.registries()
    if shape is Format.JSON:
        screen.json([_brief(active) for active in rows])
        return
    if not rows:
        screen.line("○ no registry is active; `cicatrix registry apply FILE` makes one so")
        return
    for a in rows:
        lines = {
            "id": f"{a.registry.registry_id}, version {a.registry.version} (entry {a.activated_index})",
            "allows": ", ".join(one.action_type.value for one in a.registry.allowed_actions if one.enabled)
            or "nothing",
        }
        showing.show_block(screen, f"{screen.safe(a.full_name)} ({a.host}, id {a.repository_id})", lines)


def _brief(active: ActiveRegistry) -> dict[str, object]:
    registry = active.registry
    return {
        "repository": active.full_name,
        "host": active.host,
        "repositoryId": active.repository_id,
        "ownerId": active.owner_id,
        "registryId": registry.registry_id,
        "version": registry.version,
        "hash": registry.hash,
        "file": registry.file,
        "ledgerIndex": active.activated_index,
        "actions": [action.action_type.value for action in registry.allowed_actions if action.enabled],
    }


def _told(
    view: View, host: str, full_name: str, found: Repository | None, trouble: str
) -> tuple[dict[str, Any], ActiveRegistry | None]:
    """Everything about the registry of one repository, and the entry itself where there is one."""
    repository_id = known_id(view, host, found, full_name)
    active = view.active_registry(host, repository_id) if repository_id else None
    remarks = list(stale(view, found)) if found else [f"not compared with GitHub: {trouble}"]
    told: dict[str, Any] = {
        "repository": found.full_name if found else full_name,
        "host": host,
        "repositoryId": repository_id,
        "active": active is not None,
        "counts": None if found is None else active is not None and counts(active, found),
        "remarks": remarks,
    }
    if active is None:
        return told, None
    events = view.registry_history(host, active.repository_id)
    last = next((e for e in reversed(events) if e.ledger_index == active.activated_index), None)
    origins = {place: origin for place, _, origin in fields(active.registry)}
    told |= _brief(active) | {
        "repository": told["repository"],
        "registeredAs": active.full_name,
        "revision": last.revision if last else None,
        "activatedAt": stamp(last.at) if last else None,
        "activatedBy": last.by if last else None,
        "document": dict(active.registry.tree),
        "origins": origins,
    }
    return told, active


def _event(event: RegistryEvent) -> dict[str, object]:
    return {
        "revision": event.revision,
        "action": event.action,
        "at": stamp(event.at),
        "by": event.by,
        "reason": event.reason,
        "registryId": event.registry_id,
        "version": event.version,
        "hash": event.content_hash,
        "repository": event.repository,
        "repositoryId": event.repository_id,
        "file": event.file,
        "ledgerIndex": event.ledger_index,
        "document": json.loads(event.content),
    }
