"""The kill switch over HTTP: set by an admin, lifted in production by another one (PL-8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from cicatrix.core.actions import ActionType, Role
from cicatrix.core.policy import Environment
from cicatrix.core.redact import REDACTED
from cicatrix.github import Deferred, NotSent, Unanswered
from cicatrix.ledger import Tx

from . import shapes
from .answering import answer, readable
from .bodies import OWNER, REASON, REPO, SwitchBody, parsed
from .openapi import body_of, documented, unchanged
from .problems import Problem, invalid
from .reads import LIST, Absent, listed
from .registry import AskedRegistries
from .rights import needs, needs_everywhere, nothing_here, sees_everything, visible
from .service import Caller
from .taking import AdminBody, Reading, Writing, no_query, query_once

router = APIRouter()

OUTAGE = (NotSent, Deferred, Unanswered)

ScopeName = Literal["deployment", "organisation", "repository", "action"]
NEEDS: dict[str, tuple[str, ...]] = {
    "deployment": (),
    "organisation": ("owner", "repo"),
    "repository": ("owner", "repo"),
    "action": ("action",),
}
"""What each scope is named by. An organisation is whoever owns the named repository: a name alone can change hands."""


class AskedLift(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    scope: ScopeName
    owner: Annotated[str, Field(pattern=OWNER)] | Absent = None
    repo: Annotated[str, Field(pattern=REPO)] | Absent = None
    action: ActionType | Absent = None
    reason: Annotated[str, Field(pattern=REASON, max_length=500)]


@dataclass(frozen=True, slots=True)
class _Scope:
    kind: str
    host: str
    target: str


@router.get(
    "/api/kill-switches",
    operation_id="listKillSwitches",
    summary="What stops writes now",
    responses=documented(shapes.Switches, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_switches(request: Request, caller: Reading, asked: Annotated[AskedRegistries, Query()]) -> Response:
    """Switches of the deployment and of actions stop everybody, so everybody sees them; the rest goes by repository."""
    seen = visible(caller, asked.owner, asked.repo)
    with caller.ctx.ledger.read() as view:
        found = view.kill_switches()
        known = [one for one in view.registries() if seen.ids is None or one.repository_id in seen.ids]
    owners = {(one.host, one.owner_id) for one in known}
    shown = [
        shapes.Switch.model_validate(switch)
        for switch in found
        if switch.scope in {"deployment", "action"}
        or seen.ids is None
        or (switch.scope == "repository" and switch.host == seen.host and switch.target in seen.ids)
        or (switch.scope == "organisation" and (switch.host, switch.target) in owners)
    ]
    elsewhere = caller.ctx.deployment.kill_switch()
    if elsewhere is not None and not sees_everything(caller):
        elsewhere = "the deployment's variable or file"  # a path is nobody's business but the operator's
    return readable(request, caller.service.clean({"items": listed(shown), "elsewhere": elsewhere}))


@router.put(
    "/api/kill-switches",
    operation_id="setKillSwitch",
    summary="Stop every write in a scope, within a second",
    openapi_extra=body_of(SwitchBody, key=False),
    responses=documented(shapes.SwitchChanged, 400, 401, 403, 404, 408, 413, 415, 500, 502, 503),
    dependencies=[Depends(no_query)],
)
def set_switch(caller: Writing, raw: AdminBody) -> Response:
    """Setting it again replaces the reason, and who may not lift it."""
    asked = parsed(SwitchBody, raw)
    reason = _reason(caller, asked.reason)
    scope = _allowed(caller, asked.scope, asked.owner, asked.repo, asked.action)
    with caller.ctx.ledger.write("kill-switch") as tx:
        index = tx.set_kill_switch(scope.kind, reason, caller.principal.name, host=scope.host, target=scope.target)
    return answer(_changed(scope, index, is_set=True))


@router.delete(
    "/api/kill-switches",
    operation_id="liftKillSwitch",
    summary="Allow writes in a scope again; in production by somebody else than who set it",
    responses=documented(shapes.SwitchChanged, 400, 401, 403, 404, 500, 502, 503),
    dependencies=[Depends(query_once)],
)
def lift_switch(caller: Writing, asked: Annotated[AskedLift, Query()]) -> Response:
    reason = _reason(caller, asked.reason)
    scope = _allowed(caller, asked.scope, asked.owner, asked.repo, asked.action)
    with caller.ctx.ledger.write("kill-switch") as tx:
        _second_person(caller, tx, scope)
        index = tx.lift_kill_switch(scope.kind, reason, caller.principal.name, host=scope.host, target=scope.target)
    if index is None:
        raise nothing_here("kill switch")
    return answer(_changed(scope, index, is_set=False))


def _second_person(caller: Caller, tx: Tx, scope: _Scope) -> None:
    if caller.ctx.deployment.environment is not Environment.PROD:
        return
    known = {(switch.scope, switch.host, switch.target): switch for switch in tx.kill_switches()}
    switch = known.get((scope.kind, scope.host, scope.target))
    if switch is not None and switch.set_by.lower() == caller.principal.name.lower():  # a login has no case
        raise Problem(
            "SECOND_PERSON_REQUIRED",
            f"{switch.set_by} set this kill switch, and in production a second person lifts it.",
            "Ask a colleague with a credential of their own.",
        )


def _allowed(caller: Caller, kind: str, owner: str | None, repo: str | None, action: str | None) -> _Scope:
    """The scope with ids, for a caller who may stop it. Raises Problem 400, 403 or 404."""
    given = {"owner": owner, "repo": repo, "action": action}
    problems = [
        {"field": name, "problem": f"{'is required' if name in NEEDS[kind] else 'does not belong'} with scope {kind}"}
        for name, value in given.items()
        if (value is not None) != (name in NEEDS[kind])
    ]
    if problems:
        raise invalid(problems)
    if kind in {"deployment", "action"}:
        needs_everywhere(caller)
        return _Scope(kind, "", action or "")
    assert owner is not None
    assert repo is not None
    if kind == "organisation":
        needs_everywhere(caller)
    else:
        needs(caller, Role.ADMIN, owner, repo)
    return _known(caller, kind, owner, repo)


def _known(caller: Caller, kind: str, owner: str, repo: str) -> _Scope:
    """By GitHub's id; in an outage by that of the registered repository, so that a switch can be set all the same."""
    callers = caller.service.callers
    try:
        caller.needs_credential()
        home = caller.ctx.github.repository(owner, repo)
        repository_id, owner_id, full_name = home.id, home.owner_id, home.full_name
    except (Problem, *OUTAGE):
        with caller.ctx.ledger.read() as view:
            known = view.registry_named(callers.host, f"{owner}/{repo}")
        if known is None:
            raise
        repository_id, owner_id, full_name = known.repository_id, known.owner_id, known.full_name
    key = caller.principal.key
    if key is not None and not key.covers(callers.host, repository_id, full_name):
        raise nothing_here("repository")
    return _Scope(kind, callers.host, owner_id if kind == "organisation" else repository_id)


def _reason(caller: Caller, text: str) -> str:
    if REDACTED in caller.service.redact(text):
        raise invalid([{"field": "reason", "problem": "looks like a secret, and reasons are stored and shown"}])
    return text


def _changed(scope: _Scope, index: int, *, is_set: bool) -> dict[str, object]:
    return {
        "scope": scope.kind,
        "host": scope.host,
        "target": scope.target,
        "set": is_set,
        "ledgerIndex": index,
    }
