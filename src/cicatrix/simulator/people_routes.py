"""Who somebody is: their role in a repository, their membership of a team."""

from __future__ import annotations

from . import bodies
from .bodies import Tree
from .calls import Call
from .exchange import Response, json_response, not_found
from .repository import SimRepository

LEGACY = {"triage": "read", "maintain": "write"}
"""The older field `permission` knows admin, write, read and none alone
(https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user)."""
_KNOWN = ("none", "read", "triage", "write", "maintain", "admin")


def permission(call: Call, repo: SimRepository, login: str) -> Response:
    """An organisation's own role is told by its name, and by `write`, on which it is built here."""
    role = repo.role_of(login)
    rank = _KNOWN.index(role) if role in _KNOWN else _KNOWN.index("write")
    levels = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
    user: Tree = {
        **bodies.user(call.api, call.web, login),
        "permissions": {name: rank >= _KNOWN.index(level) for name, level in levels.items()},
        "role_name": role,
    }
    legacy = LEGACY.get(role, role) if role in _KNOWN else "write"
    return json_response({"permission": legacy, "role_name": role, "user": user})


def membership(call: Call, organisation: str, slug: str, login: str) -> Response:
    """https://docs.github.com/en/rest/teams/members#get-team-membership-for-a-user"""
    call.need("members", docs="/teams/members")
    state = call.world.teams.get((organisation.lower(), slug.lower()), {}).get(login.lower())
    if state is None:
        raise not_found("/teams/members")
    url = f"{call.api}/organizations/{bodies.numeric_id(organisation)}/team/1/memberships/{login}"
    return json_response({"url": url, "role": "member", "state": state})
