"""One call on its way through an endpoint, and the page of a list that answers it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, quote

from . import auth
from .bodies import Tree
from .exchange import Refusal, Request, Response, json_response
from .specs import KNOWN_CONCLUSIONS
from .state import Execution

if TYPE_CHECKING:
    from .repository import SimRepository
    from .world import World

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """A request, who sent it, and the moment of the world that it sees."""

    world: World
    request: Request
    principal: auth.Principal | None
    app: auth.App | None
    at: datetime
    """The moment the caller sees; before `world.now` when reads are stale."""
    seq: int
    list_shift: int = 0
    missing_logs: str | None = None
    query: dict[str, str] | None = None
    oddities: tuple[str, ...] = ()
    """Why the answer is off GitHub's description on purpose."""

    @property
    def values(self) -> dict[str, str]:
        if self.query is None:
            self.query = dict(parse_qsl(self.request.query, keep_blank_values=True))
        return self.query

    @property
    def api(self) -> str:
        return self.world.api_origin

    @property
    def web(self) -> str:
        return self.world.web_origin

    @property
    def login(self) -> str:
        return self.principal.login if self.principal else "?"

    def need(self, permission: str, level: str = "read", docs: str = "") -> None:
        """Raises GitHub's 403 unless the token has the right; the permission is metadata, actions, checks, ..."""
        if self.principal is None:
            raise auth.bad_credentials()
        if not self.principal.may(permission, level):
            raise auth.missing_permission(self.principal, permission, level, docs)

    def need_any(self, permissions: Sequence[str], level: str = "read", docs: str = "") -> None:
        """The same where one of several rights is enough; the header names them all."""
        if self.principal is None:
            raise auth.bad_credentials()
        if not any(self.principal.may(permission, level) for permission in permissions):
            raise auth.missing_permission(self.principal, "; ".join(f"{p}={level}" for p in permissions), "", docs)

    def wrote(
        self, kind: str, repo: SimRepository, *, head_sha: str = "", run: int | None = None, **detail: object
    ) -> None:
        """Records what this call really did."""
        self.world.history.write(
            at=self.world.now,
            kind=kind,
            repository=repo.full_name,
            repository_id=repo.id,
            login=self.login,
            call=self.seq,
            client_id=self.request.headers.get("x-request-id", ""),
            head_sha=head_sha,
            run=run,
            detail=detail,
        )

    def tree(self) -> Tree:
        """The request's JSON body; an empty one counts as `{}`."""
        if not self.request.body:
            return {}
        try:
            tree = json.loads(self.request.body)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        if not isinstance(tree, dict):
            raise Refusal(400, "Body should be a JSON object")
        return tree

    def note_oddity(self, execution: Execution) -> None:
        """Marks the answer when it shows a conclusion that GitHub has not documented."""
        if execution.conclusion not in KNOWN_CONCLUSIONS and "unknown_conclusion" not in self.oddities:
            self.oddities = (*self.oddities, "unknown_conclusion")

    def marked(self, response: Response) -> Response:
        response.faults = (*response.faults, *self.oddities)
        return response


def _number(text: str, default: int) -> int:
    return int(text) if text.isdigit() and int(text) > 0 else default


def listed(
    call: Call, items: Sequence[T], key: str | None, body: Callable[[T], Any], *, total: int | None = None
) -> Response:
    """One page, with the Link header as GitHub writes it and the total when the list has one.

    https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    size = min(_number(call.values.get("per_page", ""), 30), 100)
    page = _number(call.values.get("page", ""), 1)
    start = max(0, (page - 1) * size - call.list_shift)
    pages = max(1, -(-len(items) // size))
    trees = [body(item) for item in items[start : start + size]]
    links = []
    if page < pages:
        links += [(page + 1, "next"), (pages, "last")]
    if page > 1:
        links += [(page - 1, "prev"), (1, "first")]
    headers = {}
    if links:
        headers["link"] = ", ".join(f'<{_page_url(call, number)}>; rel="{name}"' for number, name in links)
    count = (len(items) if total is None else total) + call.list_shift
    return json_response({"total_count": count, key: trees} if key else trees, headers=headers)


def _page_url(call: Call, number: int) -> str:
    values = {**call.values, "page": str(number)}
    query = "&".join(f"{quote(k)}={quote(v, safe='')}" for k, v in values.items())
    return f"{call.api}{call.request.path}?{query}"
