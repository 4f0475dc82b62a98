"""Who asks, and what they may do: tokens, Apps with their JSON Web Tokens, permissions per endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from .exchange import Refusal

READ_ONLY_LOGIN = "github-actions[bot]"
APP_PERMISSIONS: Mapping[str, str] = {
    "actions": "write",
    "checks": "write",
    "contents": "read",
    "metadata": "read",
    "pull_requests": "write",
}
LEVELS = {"read": 1, "write": 2, "admin": 3}
JWT_LIFETIME = timedelta(minutes=10)
"""https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app"""
TOKEN_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whoever a token stands for."""

    login: str
    kind: str
    """`user`, `actions` (a workflow's GITHUB_TOKEN) or `app` (an installation token)."""
    permissions: Mapping[str, str] | None = None
    """None: everything (a classic token with the `repo` scope)."""
    repositories: frozenset[str] | None = None
    """Full names in lower case; None: all."""
    expires_at: datetime | None = None

    def may_see(self, full_name: str) -> bool:
        return self.repositories is None or full_name.lower() in self.repositories

    def may(self, permission: str, level: str) -> bool:
        if self.permissions is None or permission == "metadata":
            return True
        return LEVELS.get(self.permissions.get(permission, ""), 0) >= LEVELS[level]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A GitHub App with one installation."""

    app_id: int
    slug: str
    public_key_pem: str
    installation_id: int
    permissions: Mapping[str, str]
    repositories: frozenset[str] | None

    @property
    def login(self) -> str:
        return f"{self.slug}[bot]"


def bad_credentials() -> Refusal:
    return Refusal(401, "Bad credentials")


def token_of(authorization: str) -> str:
    """The secret of an Authorization header; `token` and `Bearer` are both fine with GitHub."""
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() not in ("bearer", "token") or not secret.strip():
        raise bad_credentials()
    return secret.strip()


def app_of(secret: str, apps: Mapping[str, App], now: datetime) -> App:
    """The App that signed this JWT; refuses what GitHub refuses: algorithm, issuer, expiry, a far future."""
    try:
        claims = jwt.decode(secret, options={"verify_signature": False})
        app = apps[str(claims["iss"])]
        jwt.decode(
            secret,
            app.public_key_pem,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        issued, expires = float(claims["iat"]), float(claims["exp"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise Refusal(401, "A JSON web token could not be decoded") from None
    clock = now.timestamp()
    if issued > clock:
        raise Refusal(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if expires <= clock:
        raise Refusal(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires",
        )
    if expires > clock + JWT_LIFETIME.total_seconds():
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    return app


def missing_permission(principal: Principal, needed: str, level: str, docs: str) -> Refusal:
    """GitHub's 403 for a right that the token has not; the header names what would do."""
    accepted = f"{needed}={level}" if level else needed
    if principal.kind == "user":
        message = "Resource not accessible by personal access token"
    else:
        message = "Resource not accessible by integration"
    return Refusal(403, message, headers={"x-accepted-github-permissions": accepted}, docs=docs)
