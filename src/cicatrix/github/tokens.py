"""A bearer for each call. For an App: a token of one repository with the permissions of one operation (AU-3)."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cicatrix.github import fields, wire
from cicatrix.github.body import Answer
from cicatrix.github.credentials import NAME_ONLY, AppCredentials, Bearer, Credentials, Permissions, Secret
from cicatrix.github.errors import Refused, Unanswered
from cicatrix.github.exchange import Ask, Exchanges
from cicatrix.github.names import repository_path
from cicatrix.github.table import http_date, server_time

RENEWED_AT = timedelta(minutes=5)
"""A token with this much life left or less is replaced (AU-3)."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an App acts: the installation and the repository's id behind a name."""

    installation_id: str
    repository_id: str


class Tokens:
    """Gives bearers and keeps installation tokens. Safe for several threads; two may mint the same one, harmlessly."""

    def __init__(self, exchanges: Exchanges, credentials: Credentials | None) -> None:
        self._exchanges, self._credentials = exchanges, credentials
        self._lock = threading.Lock()
        self._places: dict[tuple[str, str], _Place] = {}
        self._minted: dict[tuple[str, str, tuple[tuple[str, str], ...]], tuple[Secret, datetime]] = {}
        self._skew = timedelta(0)

    def for_repository(self, owner: str, repo: str, permissions: Permissions) -> Bearer:
        """The bearer of one call about a repository. Its token is asked for when the call is made."""
        given = self._credentials
        if not isinstance(given, AppCredentials):
            return self._fixed()
        return Bearer(
            token=lambda: self._installation_token(given, owner, repo, permissions),
            renew=lambda _: self._forget(owner, repo, permissions),
        )

    def for_app(self) -> Bearer:
        """The bearer of a call that the App makes as itself, by a JSON Web Token; for other credentials their token."""
        given = self._credentials
        if not isinstance(given, AppCredentials):
            return self._fixed()
        return Bearer(token=lambda: given.jwt(self._exchanges.now() + self._skew), renew=self._set_clock)

    def forget_place(self, owner: str, repo: str) -> None:
        """Look the name up again next time: the repository may have been renamed, moved or created anew (T22)."""
        with self._lock:
            self._places.pop((owner.lower(), repo.lower()), None)

    def _fixed(self) -> Bearer:
        given = self._credentials
        if given is None or isinstance(given, AppCredentials):
            raise Refused(
                "there is no token to ask GitHub with",
                why="neither a token nor an App was given",
                next_step="Set GITHUB_TOKEN (or GH_TOKEN), or configure a GitHub App; `gh auth token` prints yours.",
                status=401,
            )
        return Bearer(token=lambda: given.token)

    def _installation_token(self, app: AppCredentials, owner: str, repo: str, permissions: Permissions) -> Secret:
        place = self._place(app, owner, repo)
        key = (place.installation_id, place.repository_id, tuple(sorted(permissions.items())))
        with self._lock:
            kept = self._minted.get(key)
        if kept is not None and kept[1] - self._exchanges.now() > RENEWED_AT:
            return kept[0]
        body = {"repository_ids": [int(place.repository_id)], "permissions": dict(sorted(permissions.items()))}
        answer = self._mint(place.installation_id, body)
        token, until = self._read(answer)
        with self._lock:
            self._minted = {k: kept for k, kept in self._minted.items() if kept[1] > self._exchanges.now()}
            self._minted[key] = (token, until)
        return token

    def _place(self, app: AppCredentials, owner: str, repo: str) -> _Place:
        """Installation and repository id of a name: learned with a token that can read nothing but metadata."""
        name = (owner.lower(), repo.lower())
        with self._lock:
            known = self._places.get(name)
        if known is not None:
            return known
        path = repository_path(owner, repo)
        installation = app.installation_id
        if installation is None:
            # https://docs.github.com/en/rest/apps/apps#get-a-repository-installation-for-the-authenticated-app
            ask = Ask(template="/repos/{owner}/{repo}/installation", path=f"{path}/installation")
            answer = self._exchanges.read(ask, self.for_app())
            installation = self._number(answer.status, answer.tree)
        answer = self._mint(installation, {"repositories": [repo], "permissions": dict(NAME_ONLY)})
        listed = answer.tree.get("repositories") if isinstance(answer.tree, Mapping) else None
        names = [item for item in listed or () if isinstance(item, Mapping)]
        named = [item for item in names if str(item.get("full_name", "")).lower() == f"{owner}/{repo}".lower()]
        if named:
            repository_id = self._number(answer.status, named[0])
        else:
            token, _ = self._read(answer)
            asked = self._exchanges.read(Ask(template="/repos/{owner}/{repo}", path=path), Bearer(token=lambda: token))
            repository_id = self._number(asked.status, asked.tree)
        place = _Place(installation, repository_id)
        with self._lock:
            self._places[name] = place
        return place

    def _mint(self, installation_id: str, body: Mapping[str, object]) -> Answer:
        """https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app

        Asked for again like a read when no answer comes: a token more changes nothing at GitHub.
        """
        return self._exchanges.read(
            Ask(
                method="POST",
                template="/app/installations/{installation_id}/access_tokens",
                path=f"/app/installations/{installation_id}/access_tokens",
                body=json.dumps(body).encode(),
            ),
            self.for_app(),
        )

    def _read(self, answer: Answer) -> tuple[Secret, datetime]:
        """The token and when it ends by our clock: GitHub's span of life, counted from now."""
        tree = answer.tree if isinstance(answer.tree, Mapping) else {}
        text, until = tree.get("token"), fields.moment(tree.get("expires_at"))
        if not isinstance(text, str) or not text or until is None:
            raise Unanswered("an installation token was asked for", why="the answer holds no token or no end of it")
        now = self._exchanges.now()
        life = until - server_time(answer.headers, now=now, bounds=self._exchanges.bounds)
        return Secret(text), now + life

    def _number(self, status: int, tree: object) -> str:
        try:
            return fields.ident(wire.document(tree), "id")
        except fields.Malformed as wrong:
            problem = str(wrong)
        raise Unanswered("the App's place in a repository was asked for", why=problem, status=status)

    def _forget(self, owner: str, repo: str, permissions: Permissions) -> bool:
        with self._lock:
            place = self._places.pop((owner.lower(), repo.lower()), None)
            if place is not None:
                self._minted.pop((place.installation_id, place.repository_id, tuple(sorted(permissions.items()))), None)
        return True

    def _set_clock(self, headers: Mapping[str, str]) -> bool:
        """After a 401 of the App itself: adopt GitHub's clock if ours is off by more than half a minute (T16)."""
        theirs = http_date(headers.get("date", ""))
        if theirs is None:
            return False
        skew = theirs - self._exchanges.now()
        off = abs((skew - self._skew).total_seconds())
        if not 30 < off <= self._exchanges.bounds.plausible_skew:
            return False
        self._skew = skew
        return True
