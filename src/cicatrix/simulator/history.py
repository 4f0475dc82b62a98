"""The record of everything that was asked of the simulated GitHub and everything that really happened to its runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class History:
    """Calls and effects in one order (`seq`). `dump()` is JSON-able; the offline checker reads nothing else of ours."""

    records: list[dict[str, Any]] = field(default_factory=list)

    def call(
        self,
        *,
        at: datetime,
        who: str,
        method: str,
        path: str,
        query: str,
        origin: str,
        authorization: bool,
        client_id: str,
    ) -> dict[str, Any]:
        """Records an arriving call; the status is filled in when it is answered."""
        record: dict[str, Any] = {
            "type": "call",
            "seq": len(self.records) + 1,
            "at": at,
            "who": who,
            "method": method,
            "path": path,
            "query": query,
            "origin": origin,
            "authorization": authorization,
            "clientRequestId": client_id,
            "status": None,
            "faults": [],
        }
        self.records.append(record)
        return record

    def effect(
        self,
        *,
        at: datetime,
        kind: str,
        run: int,
        repository: str,
        repository_id: int,
        head_sha: str,
        attempt: int,
        login: str,
        call: int | None,
        named: Sequence[str] = (),
        dependants: Sequence[str] = (),
        ran: Sequence[str] = (),
        released: Sequence[str] = (),
        environments: Sequence[str] = (),
    ) -> None:
        """Records what really happened: `ran` are the jobs that execute, `released` those that were skipped before."""
        self.records.append(
            {
                "type": "effect",
                "seq": len(self.records) + 1,
                "at": at,
                "kind": kind,
                "runId": str(run),
                "repository": repository,
                "repositoryId": str(repository_id),
                "headSha": head_sha,
                "attempt": attempt,
                "login": login,
                "call": call,
                "named": list(named),
                "dependants": list(dependants),
                "ran": list(ran),
                "released": list(released),
                "environments": list(environments),
            }
        )

    def write(
        self,
        *,
        at: datetime,
        kind: str,
        repository: str,
        repository_id: int,
        login: str,
        call: int | None,
        client_id: str = "",
        head_sha: str = "",
        run: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Records what a write other than a rerun really did: a dispatch, a push, a pull request, a comment, ...

        `client_id` is the caller's X-Request-Id, so that a checker can count the effects of one operation.
        """
        self.effect(
            at=at,
            kind=kind,
            run=run or 0,
            repository=repository,
            repository_id=repository_id,
            head_sha=head_sha,
            attempt=0,
            login=login,
            call=call,
        )
        self.records[-1] |= {"runId": str(run or ""), "clientRequestId": client_id, "detail": dict(detail or {})}

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [r for r in self.records if r["type"] == "call"]

    @property
    def effects(self) -> list[dict[str, Any]]:
        return [r for r in self.records if r["type"] == "effect"]

    def dump(self) -> list[dict[str, Any]]:
        """Every record with its time as ISO 8601 text; equal worlds driven equally give equal dumps."""
        return [{**r, "at": r["at"].isoformat().replace("+00:00", "Z")} for r in self.records]

    def lines(self) -> str:
        """The dump as JSON Lines."""
        return "".join(json.dumps(r, sort_keys=True, ensure_ascii=False) + "\n" for r in self.dump())
