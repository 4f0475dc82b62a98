"""What every handler needs, and what a request's caller may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from cicatrix.core.actions import ActionType, Role
from cicatrix.core.principal import Principal
from cicatrix.core.redact import REDACTED
from cicatrix.flows.context import Context
from cicatrix.flows.permission import permit

from .callers import Callers
from .problems import Problem, invalid


@dataclass(frozen=True, kw_only=True)
class Service:
    """One running API. `runner_alive` tells whether the engine still wakes what is due."""

    ctx: Context
    callers: Callers
    redact: Callable[[str], str]
    has_credential: bool
    """Whether this service has a GitHub credential of its own at all."""
    runner_alive: Callable[[], bool] = lambda: True
    base_lawbook: Callable[[], tuple[str, ...]] = field(default=lambda: ())
    """Why the base lawbook cannot be used, asked anew; empty when it can."""

    def clean(self, tree: Any) -> Any:
        """The same JSON with secrets masked in every text: the last gate before the wire."""
        if isinstance(tree, str):
            return self.redact(tree)
        if isinstance(tree, dict):
            return {key: self.clean(value) for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return [self.clean(item) for item in tree]
        return tree

    def checked_id(self, given: str | None, header: str | None, *, prefix: str = "rerun") -> str:
        """The idempotency key of a request: body `requestId` or header `Idempotency-Key`, else a fresh one."""
        if given is not None and header is not None and given != header:
            problem = "differs from the header Idempotency-Key; send one of them, or the same in both"
            raise invalid([{"field": "requestId", "problem": problem}])
        found = given if given is not None else header
        if found is None:
            return f"{prefix}-{self.ctx.new_id()}"
        if REDACTED in self.redact(found):
            problem = "looks like a secret; request ids are stored and shown, so use any other unique text"
            raise invalid([{"field": "requestId" if given is not None else "Idempotency-Key", "problem": problem}])
        return found


@dataclass(frozen=True, kw_only=True)
class Caller:
    """One authenticated request. `fresh`: rights are asked of GitHub now, not remembered (writes)."""

    service: Service
    principal: Principal
    request_id: str
    """The correlation id, `x-request-id`."""
    fresh: bool

    @property
    def ctx(self) -> Context:
        return self.service.ctx

    def role(self, owner: str, repo: str) -> Role | None:
        return self.service.callers.role(self.principal, owner, repo, fresh=self.fresh)

    def permit(self, action: ActionType, owner: str, repo: str) -> None:
        """The guardrails between 400 and 404. Raises Denied, GitHubError, LedgerError."""
        permit(self.ctx, self.principal, action, owner, repo, role=lambda: self.role(owner, repo))

    def needs_credential(self) -> None:
        """401 when this service has nothing to ask GitHub with: before anything of the request is judged (AP-1)."""
        if not self.service.has_credential:
            raise Problem(
                "UNAUTHORIZED",
                "This service has no GitHub credential.",
                "The operator sets GITHUB_TOKEN or configures a GitHub App; `cicatrix doctor` checks it.",
            )


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
