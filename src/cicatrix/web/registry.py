"""What may be automated where: registries as they are active, and making one count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from cicatrix.core.actions import Role
from cicatrix.core.facts import Repository
from cicatrix.core.registry import ActiveRegistry, Registry, validate
from cicatrix.flows.permission import denied
from cicatrix.flows.policies import Rules, access_denial, lawbook_of, read_rules
from cicatrix.flows.registering import NotApplied, Plan, apply, read_plans
from cicatrix.ledger import LedgerError, LedgerUnavailable

from . import shapes
from .answering import answer, readable
from .bodies import OWNER, REPO, tree_of
from .openapi import REF, documented, unchanged
from .problems import Problem, invalid
from .reads import LIST, ONE, Absent
from .rights import needs, nothing_here, readable_id, sees_everything, visible
from .service import Caller
from .taking import AdminBody, AsksGitHub, PathOwner, PathRepo, Reading, Writing, no_query, query_once

router = APIRouter()

FILE = "request"
"""What stands for a file name where a document came in a request."""


class AskedRegistries(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    owner: Annotated[str, Query(pattern=OWNER)] | Absent = None
    repo: Annotated[str, Query(pattern=REPO)] | Absent = None


class AskedApply(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    dry_run: Annotated[str, Query(pattern="^(?:true|false)$", description="Tell what would change; store nothing.")] = (
        "false"
    )


@router.get(
    "/api/registry",
    operation_id="listRegistries",
    summary="Active registries",
    responses=documented(shapes.Registries, *LIST, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def list_registries(request: Request, caller: Reading, asked: Annotated[AskedRegistries, Query()]) -> Response:
    seen = visible(caller, asked.owner, asked.repo)
    with caller.ctx.ledger.read() as view:
        found = view.registries()
    shown = [
        _told(one)
        for one in found
        if (seen.host is None or one.host == seen.host) and (seen.ids is None or one.repository_id in seen.ids)
    ]
    return readable(request, {"items": shown})


@router.get(
    "/api/registry/{owner}/{repo}",
    operation_id="getRegistry",
    summary="The active registry of a repository",
    responses=documented(shapes.RegistryShape, *ONE, also=unchanged()),
    dependencies=[Depends(no_query)],
)
def get_registry(request: Request, caller: Reading, owner: PathOwner, repo: PathRepo) -> Response:
    repository_id = readable_id(caller, owner, repo)
    with caller.ctx.ledger.read() as view:
        found = view.active_registry(caller.service.callers.host, repository_id)
    if found is None:
        raise nothing_here("active registry")
    return readable(request, _told(found))


@router.put(
    "/api/registry/{owner}/{repo}",
    operation_id="putRegistry",
    summary="Make a document the repository's registry",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(model="RegistryDocument")}}},
        }
    },
    responses=documented(shapes.RegistryApplied, 400, 401, 403, 404, 408, 409, 413, 415, 500, 502, 503),
    dependencies=[Depends(query_once)],
)
def put_registry(
    caller: Writing, raw: AdminBody, owner: PathOwner, repo: PathRepo, asked: Annotated[AskedApply, Query()]
) -> Response:
    """Role admin there. The same content again changes nothing and makes no entry."""
    registry = _document(tree_of(raw), owner, repo)
    needs(caller, Role.ADMIN, owner, repo)
    caller.needs_credential()
    dry_run = asked.dry_run == "true"
    try:
        plan = read_plans(caller.ctx, [registry])[0]
        _of_this_key(caller, plan)
        index = None if dry_run else apply(caller.ctx, [plan], caller.principal.name)[0].index
    except NotApplied as no:
        raise Problem("REGISTRY_CONFLICT", f"{no.what} {no.why}", no.next) from None
    except LedgerUnavailable:
        raise
    except LedgerError as no:
        # the reason may name a repository that is nothing to this caller
        why = no.why if sees_everything(caller) else f"registryId is `{registry.registry_id}`."
        raise Problem("REGISTRY_CONFLICT", f"{no.what} {why}", no.next) from None
    return answer(_applied(plan, index, dry_run=dry_run))


def _document(tree: object, owner: str, repo: str) -> Registry:
    registry, problems = validate(tree, {}, FILE)
    if registry is None:
        raise invalid([{"field": p.path or "body", "problem": p.message} for p in problems])
    if registry.repository.lower() != f"{owner}/{repo}".lower():
        raise invalid([{"field": "repository", "problem": f"must be {owner}/{repo}, which the path names"}])
    return registry


def _of_this_key(caller: Caller, plan: Plan) -> None:
    """A key of another repository that had this name is for that one alone."""
    key, found = caller.principal.key, plan.repository
    if key is not None and not key.covers(found.host, found.id, found.full_name):
        raise Problem(
            "CALLER_NOT_AUTHORISED",
            f"{caller.principal.name} is for another repository that had the name {found.full_name}.",
            "Make a key for the repository as it is now.",
        )


def _applied(plan: Plan, index: int | None, *, dry_run: bool) -> Mapping[str, Any]:
    return {
        "repository": plan.repository.full_name,
        "repositoryId": plan.repository.id,
        "registryId": plan.registry.registry_id,
        "version": plan.registry.version,
        "contentHash": plan.registry.hash,
        "dryRun": dry_run,
        "changed": index is not None or (dry_run and not plan.current),
        "changes": [
            {"place": c.place, "before": c.before, "after": c.after, "means": c.means, "direction": c.direction}
            for c in plan.changes
        ],
        "remarks": list(plan.remarks),
        "ledgerIndex": index,
    }


def _told(active: ActiveRegistry) -> dict[str, Any]:
    registry = active.registry
    return {
        "host": active.host,
        "repositoryId": active.repository_id,
        "repository": active.full_name,
        "registryId": registry.registry_id,
        "version": registry.version,
        "contentHash": registry.hash,
        "ledgerIndex": active.activated_index,
        "file": registry.file,
        "document": dict(registry.tree),
        "lines": dict(registry.lines),
    }


@router.get(
    "/api/lawbook/current",
    operation_id="getLawbook",
    summary="The lawbook that decides about a repository now, with the origin of every value",
    responses=documented(shapes.Lawbook, *ONE, also=unchanged()),
    dependencies=[Depends(query_once)],
)
def get_lawbook(request: Request, caller: AsksGitHub, asked: Annotated[AskedRegistries, Query()]) -> Response:
    """Without owner and repo: the deployment's, for callers with a key."""
    visible(caller, asked.owner, asked.repo)
    ctx, home, rules = caller.ctx, None, Rules()
    if asked.owner is not None and asked.repo is not None:
        home = ctx.github.repository(asked.owner, asked.repo)
        _allowed(caller, home)
        rules = read_rules(ctx, asked.owner, asked.repo)
    with ctx.ledger.read() as view:
        resolved, problems = lawbook_of(view, ctx.deployment, rules, home)
    told = {
        "version": resolved.lawbook.version,
        "hash": resolved.hash,
        "baseVersion": resolved.base_version,
        "baseHash": resolved.base_hash,
        "builtIn": resolved.built_in,
        "lawbook": dict(resolved.tree),
        "origins": dict(resolved.origins),
        "ignored": [str(line) for line in resolved.ignored],
        "problems": list(problems),
    }
    return readable(request, caller.service.clean(told))


def _allowed(caller: Caller, home: Repository) -> None:
    """A repository that the allowlist does not name is not read either (AU-1)."""
    access = caller.ctx.deployment.access
    refusal = access.refusal(home.owner, home.name) if access else None
    if refusal is not None:
        raise denied(access_denial(home.full_name, refusal.code, refusal.why))
