"""A deployment's API as a caller sees it: plain HTTP, no retries, nothing of the server's own code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from .errors import Stop, usage

LARGEST = 8 * 1024 * 1024
MOST_PAGES = 50
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `tree` is None for a body that is no JSON."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes
    tree: Any = None

    @property
    def code(self) -> str:
        """The problem's code; empty for anything else."""
        return str(self.tree.get("code") or "") if isinstance(self.tree, dict) else ""

    def __str__(self) -> str:
        return f"HTTP {self.status}{f' {self.code}' if self.code else ''}"


@dataclass(slots=True)
class Api:
    """One deployment. Every method raises Stop when it cannot be reached at all."""

    base_url: str
    token: str
    timeout: float = 120.0
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.base_url, timeout=self.timeout, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, object] | None = None, *, token: str | None = None) -> Reply:
        """One read; with another `token`, or with none for an empty one."""
        params = {name: str(value) for name, value in (query or {}).items() if value is not None}
        return self._send("GET", path, token, params=params)

    def post(self, path: str, body: Mapping[str, object], *, token: str | None = None) -> Reply:
        """One write."""
        return self._send("POST", path, token, json=dict(body))

    def listed(self, path: str, query: Mapping[str, object]) -> tuple[list[dict[str, Any]], str | None]:
        """Every item of a list, page by page, and what went wrong if something did."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            reply = self.get(path, {**query, "limit": 100, "cursor": cursor})
            page = reply.tree.get("items") if isinstance(reply.tree, dict) else None
            if reply.status != 200 or not isinstance(page, list) or not all(isinstance(i, dict) for i in page):
                return items, f"GET {path} answered {reply}"
            items += page
            cursor = reply.tree.get("nextCursor")
            if not isinstance(cursor, str):
                return items, None
        return items, f"GET {path} has more than {MOST_PAGES} pages"

    def _send(self, method: str, path: str, token: str | None, **request: Any) -> Reply:
        bearer = self.token if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            with self._client.stream(method, path, headers=headers, **request) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > LARGEST:
                        break
        except httpx.HTTPError as trouble:
            raise Stop(
                "The deployment cannot be reached.",
                f"{method} {path} at {self.base_url}: {type(trouble).__name__}: {trouble}.",
                "Check --base-url, and that `cicatrix up` is running there.",
            ) from None
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body),
            tree=_json(bytes(body)),
        )


def checked_url(text: str) -> tuple[str, bool]:
    """The address without a final slash, and whether a token would travel in clear. Raises Stop (usage)."""
    try:
        parts = urlsplit(text.strip())
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        good = good and parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise usage(
            "The base URL means nothing.",
            f"--base-url {text[:120]!r} is no address such as http://127.0.0.1:8470, without user, query and fragment.",
            "Write scheme, host and port of the deployment.",
        )
    return text.strip().rstrip("/"), parts.scheme == "http" and parts.hostname not in LOOPBACK


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
