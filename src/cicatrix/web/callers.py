"""Who asks: API keys against the ledger, anything else against GitHub. Doubt means no (AU-4)."""

from __future__ import annotations

import hmac
import random
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Generic, TypeVar

import httpx

from cicatrix.core.actions import PERMISSION_ROLES, Role
from cicatrix.core.api_key import PREFIX, hash_secret, parse_key
from cicatrix.core.principal import Principal
from cicatrix.flows.context import Context
from cicatrix.github import GitHub, Refused, TokenCredentials

from .problems import Problem

REMEMBERED = timedelta(minutes=5)
"""How long a read may rely on what GitHub said of a caller (PL-1). Writes ask again."""
REFUSAL_REMEMBERED = timedelta(seconds=30)
"""How long a token that GitHub refused is refused without asking: nobody can make us flood GitHub with one token."""
MOST_REMEMBERED = 2000
FLOOD_WINDOW = timedelta(minutes=1)
MOST_REFUSALS = 30
"""Tokens that GitHub may refuse within the window before unknown ones are turned away unasked: GitHub temporarily
refuses everybody at an address after many bad logins
(https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit)."""
ASKING_AT_ONCE = 8
"""Tokens that GitHub is asked about side by side at most."""
LONGEST_TOKEN = 1024

_NOBODY = hash_secret("")

V = TypeVar("V")


class Remembered(Generic[V]):
    """Values with an end, bounded in number, for several threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._kept: dict[str, tuple[V, datetime]] = {}

    def get(self, key: str) -> V | None:
        with self._lock:
            value, until = self._kept.get(key, (None, None))
        return value if until is not None and self._now() < until else None

    def put(self, key: str, value: V, life: timedelta) -> None:
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= MOST_REMEMBERED:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (value, self._now() + life)


@dataclass
class Callers:
    """Tells callers apart. `client_for` makes a GitHub client that asks with the caller's own token."""

    ctx: Context
    client_for: Callable[[str], GitHub]
    _logins: Remembered[str] = field(init=False)
    _refused: Remembered[bool] = field(init=False)
    _roles: Remembered[tuple[Role | None]] = field(init=False)
    _ids: Remembered[str] = field(init=False)
    _asking: threading.Semaphore = field(init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False)
    _refusals: deque[datetime] = field(default_factory=deque, init=False)

    def __post_init__(self) -> None:
        now = self.ctx.now
        self._logins, self._refused, self._roles, self._ids = (
            Remembered(now),
            Remembered(now),
            Remembered(now),
            Remembered(now),
        )
        self._asking = threading.Semaphore(ASKING_AT_ONCE)

    @property
    def host(self) -> str:
        """The one host that callers' tokens are for."""
        return self.ctx.github.host.name

    def authenticate(self, header: str | None, *, fresh: bool) -> Principal:
        """The caller behind an `Authorization` header. `fresh` asks GitHub again about a token known from before.

        Raises Problem 401 (the same for every reason), GitHubError when GitHub cannot be asked, or LedgerError.
        """
        scheme, _, text = (header or "").strip().partition(" ")
        token = text.strip()
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN or not _sendable(token):
            raise unauthorised()
        if token.startswith(PREFIX):
            return self._by_key(token)
        return self._by_token(token, fresh=fresh)

    def _by_key(self, token: str) -> Principal:
        key_id, secret = parse_key(token) or ("", "")
        with self.ctx.ledger.read() as view:
            found = view.key(key_id) if key_id else None
        key, stored = found or (None, _NOBODY)
        right = hmac.compare_digest(hash_secret(secret), stored)
        if key is None or not right or key.problem(self.ctx.now()) is not None:
            raise unauthorised()
        return Principal(name=f"key:{key.id}", key=key)

    def _by_token(self, token: str, *, fresh: bool) -> Principal:
        digest = sha256(token.encode()).hexdigest()
        if self._refused.get(digest):
            raise unauthorised()
        login = None if fresh else self._logins.get(digest)
        if login is None:
            login = self._login(token, digest)
        return Principal(name=f"github:{login}@{self.host}", login=login)

    def _count_refusal(self) -> None:
        with self._counting:
            self._refusals.append(self.ctx.now())

    def _flooded(self) -> bool:
        """Whether GitHub has refused so many tokens lately that asking about one more could shut it for us too."""
        since = self.ctx.now() - FLOOD_WINDOW
        with self._counting:
            while self._refusals and self._refusals[0] < since:
                self._refusals.popleft()
            return len(self._refusals) >= MOST_REFUSALS

    def _login(self, token: str, digest: str) -> str:
        if self._flooded():
            why = "Too many unknown tokens came in the last minute, so GitHub is not asked about another one."
            raise Problem("SERVICE_BUSY", why, "Ask again in a minute, or use an API key.", retry_after=60)
        try:
            with self._asking, closing(self.client_for(token)) as client:
                found = client.identity()
        except (Refused, ValueError) as no:  # ValueError: no token of GitHub's can look like that
            if isinstance(no, Refused) and no.status not in {401, 403, 404}:
                raise
            self._refused.put(digest, value=True, life=REFUSAL_REMEMBERED)
            self._count_refusal()
            raise unauthorised() from None
        if found.kind != "user":  # known without asking GitHub: nothing was proven by it
            raise unauthorised()
        self._logins.put(digest, found.login, REMEMBERED)
        return found.login

    def role(self, principal: Principal, owner: str, repo: str, *, fresh: bool) -> Role | None:
        """What the caller may do in that repository; None for nothing. Raises GitHubError when GitHub cannot say."""
        if principal.key is not None:
            return principal.key.role if principal.key.covers_name(self.host, f"{owner}/{repo}") else None
        if principal.login is None:
            return None
        key = f"{principal.login}\n{owner}/{repo}".lower()
        known = None if fresh else self._roles.get(key)
        if known is not None:
            return known[0]
        word = self.ctx.github.permission(owner, repo, principal.login)
        role = None if word is None else PERMISSION_ROLES.get(word)
        self._roles.put(key, (role,), REMEMBERED)
        return role

    def repository_id(self, owner: str, repo: str) -> str:
        """The id behind a name, as GitHub tells it (at most 5 minutes old). Raises GitHubError."""
        key = f"{owner}/{repo}".lower()
        known = self._ids.get(key)
        if known is None:
            known = self.ctx.github.repository(owner, repo).id
            self._ids.put(key, known, REMEMBERED)
        return known


def asking_with(ctx: Context, transport: httpx.BaseTransport | None = None) -> Callable[[str], GitHub]:
    """Makes clients that ask the service's own GitHub with somebody else's token, and with nothing of ours.

    The token counts as a person's whatever its prefix, so that its login is asked of GitHub and never assumed.
    """

    def client(token: str) -> GitHub:
        return GitHub(
            ctx.github.host,
            TokenCredentials(token, kind="user"),
            transport=transport,
            now=ctx.now,
            sleep=ctx.sleep,
            jitter=random.SystemRandom().random,
        )

    return client


def unauthorised() -> Problem:
    """401: the same words whatever was wrong with the credential."""
    return Problem(
        "UNAUTHORIZED",
        "The request carries no credential that is good here.",
        "Send an API key (`cicatrix key create` makes one) or a token of the configured GitHub as a bearer token.",
    )


def _sendable(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token
