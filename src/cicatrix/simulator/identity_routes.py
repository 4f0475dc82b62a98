"""Who a token is, what it may still ask, and how an App gets its tokens."""

from __future__ import annotations

from . import auth, bodies
from .bodies import Tree
from .calls import Call
from .exchange import Refusal, Response, json_response, not_found
from .repo_routes import full_repository
from .repository import SimRepository


def user(call: Call) -> Response:
    """The person behind the token; Apps and workflow tokens have none."""
    if call.principal is None:
        raise auth.bad_credentials()
    if call.principal.kind != "user":
        raise Refusal(403, "Resource not accessible by integration", docs="/users/users")
    return json_response(bodies.public_user(call.api, call.web, call.principal.login, call.world.epoch))


def rate_limit(call: Call) -> Response:
    if call.principal is None:
        raise auth.bad_credentials()
    limit, used, reset = call.world.quota(call.principal)
    return json_response(bodies.rate_limit(limit, used, reset))


def app(call: Call) -> auth.App:
    """The App that signed this call's JWT."""
    if call.app is None:
        raise Refusal(401, "A JSON web token could not be decoded", docs="/apps/apps")
    return call.app


def installation_of(call: Call, repo: SimRepository | None) -> Response:
    found = app(call)
    if repo is None or (found.repositories is not None and repo.full_name.lower() not in found.repositories):
        raise not_found("/apps/apps")
    return json_response(bodies.installation(call.api, call.web, found, repo.owner, call.world.epoch))


def installation(call: Call, text: str) -> Response:
    found = app(call)
    if text != str(found.installation_id):
        raise not_found("/apps/apps")
    account = next((r.full_name.partition("/")[0] for r in call.world.repositories.values()), "octo-org")
    return json_response(bodies.installation(call.api, call.web, found, account, call.world.epoch))


def access_token(call: Call, text: str) -> Response:
    """A token for one hour, narrowed to what the body asks for and never wider than the installation.

    https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
    """
    found = app(call)
    if text != str(found.installation_id):
        raise not_found("/apps/apps")
    body = call.tree()
    permissions = body.get("permissions", dict(found.permissions))
    for name, level in permissions.items():
        if auth.LEVELS.get(level, 9) > auth.LEVELS.get(found.permissions.get(name, ""), 0):
            raise Refusal(422, "The permissions requested are not granted to this installation.", docs="/apps/apps")
    chosen = _chosen(call, found, body)
    expires = call.world.now + auth.TOKEN_LIFETIME
    principal = auth.Principal(
        login=found.login,
        kind="app",
        permissions=permissions,
        repositories=found.repositories if chosen is None else frozenset(r.full_name.lower() for r in chosen),
        expires_at=expires,
    )
    token = call.world.issue_token(principal)
    trees = [full_repository(call, r) for r in chosen or ()]
    return json_response(bodies.installation_token(token, principal, expires, trees), status=201)


def _chosen(call: Call, found: auth.App, body: Tree) -> list[SimRepository] | None:
    """The repositories that the body names; None when it names none."""
    if "repository_ids" not in body and "repositories" not in body:
        return None
    ids = set(body.get("repository_ids", ()))
    names = {str(name).lower() for name in body.get("repositories", ())}
    chosen = [
        r
        for r in call.world.repositories.values()
        if (r.id in ids or r.full_name.lower().partition("/")[2] in names)
        and (found.repositories is None or r.full_name.lower() in found.repositories)
    ]
    if len(chosen) < max(len(ids), len(names)):
        raise Refusal(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
            docs="/apps/apps",
        )
    return chosen
