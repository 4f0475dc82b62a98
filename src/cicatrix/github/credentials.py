"""Who we are at GitHub: a token, or an App's key. No secret appears in a `repr`, a `str`, a pickle or an error."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

JWT_BACKDATED = timedelta(seconds=60)
"""Against clocks that differ
(https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app)."""
JWT_LIFE = timedelta(minutes=10)
"""From `iat` to `exp`: GitHub's longest (same page)."""
JWT_REUSED = timedelta(minutes=8)

Permissions: TypeAlias = Mapping[str, str]

READ: Permissions = {
    "actions": "read",
    "checks": "read",
    "contents": "read",
    "metadata": "read",
    "pull_requests": "read",
}
"""What all our reads together need; a token for reading carries exactly these."""
RERUN: Permissions = {"actions": "write"}
"""What a rerun and a `workflow_dispatch` need (https://docs.github.com/en/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run)."""
CONTENTS: Permissions = {"contents": "write"}
"""What a `repository_dispatch` and a push need
(https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps)."""
WORKFLOWS: Permissions = {"contents": "write", "workflows": "write"}
"""What a push needs that changes a file under `.github/workflows` (same page)."""
CONVERSATION: Permissions = {"pull_requests": "write"}
"""What pull requests, their comments and their labels need. For the last two GitHub takes `issues` as well (same
page); all of ours are about pull requests, so an App needs no rights on issues."""
CHECK_RUN: Permissions = {"checks": "write"}
PROTECTION: Permissions = {"administration": "read"}
"""What it takes to read a branch's protection; few Apps have it, and its absence is an answer too."""
MEMBERS: Permissions = {"members": "read"}
"""What it takes to ask for a team's members (https://docs.github.com/en/rest/teams/members): the organisation's."""
STATUSES: Permissions = {"statuses": "read"}
"""What commit statuses need (https://docs.github.com/en/rest/commits/statuses); only a registry's checks ask."""
NAME_ONLY: Permissions = {"metadata": "read"}
"""What it takes to learn a repository's id from its name."""


class Secret:
    """A text that shows itself to nobody but `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; hand it to the wire and to nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class TokenCredentials:
    """A personal token (`kind` "user") or the GITHUB_TOKEN of a workflow ("actions").

    Without `kind` the prefix decides: `ghs_` is an installation token, as GITHUB_TOKEN is
    (https://github.blog/engineering/behind-githubs-new-authentication-token-formats/).
    """

    def __init__(self, token: str, kind: str | None = None) -> None:
        text = token.strip()
        if not re.fullmatch(r"[\x21-\x7e]{1,4096}", text):
            raise ValueError("the GitHub token is empty or holds spaces or control characters; paste it again")
        if kind not in {None, "user", "actions"}:
            raise ValueError(f"kind of a token is user or actions, not {kind!r}")
        self.token = Secret(text)
        self.kind = kind or ("actions" if text.startswith("ghs_") else "user")

    @property
    def classic(self) -> bool:
        """Whether it is a classic personal token, which cannot be narrowed to a repository or a permission."""
        text = self.token.reveal()
        return text.startswith("ghp_") or re.fullmatch(r"[0-9a-f]{40}", text) is not None

    def __repr__(self) -> str:
        return f"TokenCredentials(***, kind={self.kind!r})"


class AppCredentials:
    """A GitHub App: its id, its private key (PEM) and, if known, the one installation to use.

    Without an installation id each repository's installation is looked up by name. Safe for several threads.
    """

    kind = "app"

    def __init__(
        self, app_id: str | int, private_key_pem: str | bytes, installation_id: str | int | None = None
    ) -> None:
        self.app_id = str(app_id).strip()
        self.installation_id = None if installation_id is None else str(installation_id).strip()
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", self.app_id):
            raise ValueError("the App id is the number (or client id) on the App's page, such as 123456")
        if self.installation_id is not None and not re.fullmatch(r"\d{1,19}", self.installation_id, re.ASCII):
            raise ValueError("the installation id is the number at the end of the installation's page")
        self._key = _rsa_key(private_key_pem)
        self._lock = threading.Lock()
        self._signed: tuple[Secret, datetime] | None = None

    def jwt(self, now: datetime) -> Secret:
        """The JSON Web Token that speaks for the App (RS256), made anew after 8 minutes or a step back of the clock."""
        with self._lock:
            if self._signed is not None:
                token, made = self._signed
                if made <= now < made + JWT_REUSED:
                    return token
            issued = now - JWT_BACKDATED
            claims = {"iat": int(issued.timestamp()), "exp": int((issued + JWT_LIFE).timestamp()), "iss": self.app_id}
            token = Secret(jwt.encode(claims, self._key, algorithm="RS256"))
            self._signed = (token, now)
            return token

    def __repr__(self) -> str:
        return f"AppCredentials({self.app_id!r}, ***, installation_id={self.installation_id!r})"


Credentials: TypeAlias = TokenCredentials | AppCredentials


@dataclass(frozen=True, slots=True)
class Bearer:
    """How one call proves who we are. `header` may itself ask GitHub for a token."""

    token: Callable[[], Secret] = field(repr=False)
    renew: Callable[[Mapping[str, str]], bool] = field(repr=False, default=lambda _: False)
    """Called with the headers of a 401: forget the token; True when another one may work."""


def _rsa_key(pem: str | bytes) -> RSAPrivateKey:
    """The key, or `ValueError` without a trace of its text."""
    try:
        # one line with \n written out is how a key fits into an environment variable
        data = pem.replace("\\n", "\n").encode() if isinstance(pem, str) else pem
        key = load_pem_private_key(data, password=None)
    except Exception as wrong:  # noqa: BLE001 - cryptography raises types of its own for keys it does not support
        problem = type(wrong).__name__
    else:
        if isinstance(key, RSAPrivateKey):
            return key
        problem = f"it is a {type(key).__name__}"
    raise ValueError(
        f"the App's private key cannot be used ({problem}); "
        "download a key from the App's page, an RSA key in a file that begins with -----BEGIN"
    )
