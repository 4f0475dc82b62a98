"""The walk of a verification: authentication, the seed's three scenarios, and the record read back and proven."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cicatrix.core.api_key import parse_key

from . import deployment_checks as checks
from . import state
from .deployment_api import Api, Reply
from .deployment_report import Asked, Report

WAITING = frozenset({"run_in_progress", "outcome_unknown", "cooldown_active"})
"""Reasons that end by themselves: asking again tells."""
REFUSALS = frozenset({"UNAUTHORIZED", "CALLER_NOT_AUTHORISED", "REPO_ACCESS_DENIED"})


@dataclass(slots=True, kw_only=True)
class Walk:
    """One verification, from the first request to the last."""

    asked: Asked
    api: Api
    report: Report
    sleep: Callable[[float], None]
    id: str
    _reran: set[tuple[str, str]] = field(default_factory=set)
    """(run id, job name) of what scenario 1 reran."""

    def run(self) -> None:
        self._authentication()
        first = self._basic()
        if first is None:
            return
        answer, body = first
        self._same_again(body)
        self._record(answer)
        self._bound()

    # --- who may ask ---

    def _authentication(self) -> None:
        """A request without a credential, or with a wrong one, is refused. Dry: nothing is spent if it is not."""
        told = "authentication"
        body = {**self._request(f"{self.id}-0", self.asked.max_attempts), "dryRun": True}
        for name, token in (("without a token", ""), ("with a wrong token", "cic_aaaaaaaa_" + "A" * 43)):
            reply = self.api.post(self._path, body, token=token)
            self.report.expect(told, f"a request {name} is refused", _refused(reply))
        for path, query in (("/api/attempts", self._where), ("/api/audit", self._where), ("/api/ledger/head", {})):
            self.report.expect(told, f"{path} is refused too", _refused(self.api.get(path, query, token="")))

    # --- scenario 1 ---

    def _basic(self) -> tuple[checks.Tree, bytes] | None:
        """The basic request. None when there is no answer to go on with."""
        reply = self._post(self._request(f"{self.id}-1", self.asked.max_attempts))
        if not self._answered("1 basic", reply):
            return None
        answer = self._checked("1 basic", reply, f"{self.id}-1")
        if answer is None:
            return None
        self._reran = {(str(job.get("runId")), job["jobName"]) for job in answer["jobs"] if job["action"] == "RERUN"}
        state.screen.say(f"{answer['decision']}: {'; '.join(answer['reasons'][:3])}")
        return answer, reply.body

    # --- scenario 2 ---

    def _same_again(self, body: bytes) -> None:
        told = "2 same request"
        before, fault = self._rows()
        again = self._post(self._request(f"{self.id}-1", self.asked.max_attempts))
        if not self._answered(told, again):
            return
        self.report.expect(told, "the answer is equal to the byte", None if again.body == body else "it differs")
        replayed = again.headers.get("idempotency-replayed")
        wrong = None if replayed == "true" else f"Idempotency-Replayed is {replayed or 'missing'}"
        self.report.expect(told, "it is marked as stored", wrong)
        after, fault_after = self._rows()
        fault = fault or fault_after
        if fault is None and len(after) != len(before):
            fault = f"{len(before)} rows before, {len(after)} after"
        self.report.expect(told, "no attempt was added", fault, f"{len(after)} rows")

    # --- the record ---

    def _record(self, answer: checks.Tree) -> None:
        told = "record"
        rows, fault = self._rows()
        self.report.expect(told, "a row for every decided job", fault or checks.rows_fault(rows, answer), _n(rows))
        audit, fault = self.api.listed("/api/audit", {**self._where, "requestId": f"{self.id}-1"})
        fault = fault or checks.audit_fault(audit, request_id=f"{self.id}-1", principal=self._principal)
        names = ", ".join(sorted({str(row.get("initiatedBy")) for row in audit}))
        self.report.expect(told, "audit rows with their principal", fault, f"{_n(audit)}, {names}")
        head = self.api.get("/api/ledger/head")
        fault = checks.head_fault(head.tree) if head.status == 200 else f"GET /api/ledger/head answered {head}"
        if not self.report.expect(told, "the ledger has a head", fault):
            return
        jobs = [job for job in answer["jobs"] if job.get("ledgerIndex") is not None]
        wanted = {*_indexes(rows), *_indexes(audit), *_indexes(jobs)}
        if answer.get("ledgerIndex") is not None:
            wanted |= set(_indexes([answer]))
        entries, faults = self._proven(sorted(wanted), head.tree)
        if not wanted:
            faults = ["no row names a ledger entry"]
        detail = f"{len(entries)} entries in the tree of {head.tree['size']}"
        self.report.expect(told, "every entry is in the ledger (RFC 6962)", faults[0] if faults else None, detail)
        self.report.expect(told, "rows say what their entries say", _rows_against(rows, entries, answer))

    def _proven(self, indexes: Sequence[int], head: checks.Tree) -> tuple[dict[int, checks.Tree], list[str]]:
        """The entries whose inclusion was proven, and what is wrong with the others."""
        found: dict[int, checks.Tree] = {}
        faults: list[str] = []
        for index in indexes:
            entry = self.api.get(f"/api/ledger/entries/{index}")
            text = checks.entry_text(entry.tree) if entry.status == 200 else None
            if text is None:
                faults.append(f"GET /api/ledger/entries/{index} answered {entry}, no entry")
                continue
            proof = self.api.get(f"/api/ledger/proof/{index}", {"size": head["size"]})
            fault = checks.proof_fault(index, text, proof.tree, size=head["size"], root=head["root"])
            if fault:
                faults.append(fault)
            else:
                found[index] = checks.tree_of(text)
        return found, faults

    # --- scenario 3 ---

    def _bound(self) -> None:
        """`maxAttempts` 1: what was rerun is not rerun again; while that rerun goes on it is `run_in_progress`."""
        told = "3 maxAttempts=1"
        deadline = time.monotonic() + self.asked.timeout
        for number in range(1, 10_000):
            request_id = f"{self.id}-3-{number}"
            reply = self._post(self._request(request_id, 1) | self._run_of_rerun)
            waits = reply.status == 429 or reply.code == "REQUEST_IN_PROGRESS"
            if not waits and reply.status != 200:
                self._answered(told, reply)
                return
            answer = None if waits else _tree(reply)
            if answer is not None:
                faults = [
                    f for _, f in checks.answer_checks(answer, request_id=request_id, pr_number=self._number) if f
                ]
                if faults:
                    self.report.expect(told, "the answer is a right one", faults[0])
                    return
                if fault := checks.bound_fault(answer, self._reran):
                    self.report.expect(told, "nothing is rerun beyond the bound", fault)
                    return
                codes = {str(job.get("reasonCode")) for job in self._concerned(answer)}
                if not codes & WAITING:
                    self._judged(told, answer, codes)
                    rows, fault = self._rows(f"3-{number}")
                    self.report.expect(told, "its rows say the same", fault or checks.rows_fault(rows, answer))
                    return
            if time.monotonic() + self.asked.interval > deadline:
                self.report.expect(told, "nothing is rerun beyond the bound", None)
                why = (
                    f"still {reply if waits else 'in progress'} after {self.asked.timeout:g} s; --timeout waits longer"
                )
                self.report.add(told, "a second rerun is BLOCKED max_attempts_exceeded", "not shown", why)
                return
            state.screen.say(f"waiting until the rerun ends ({', '.join(sorted(codes)) if answer else reply}) ...")
            self.sleep(self.asked.interval)

    def _judged(self, told: str, answer: checks.Tree, codes: set[str]) -> None:
        """The rerun has ended: what does the answer say about its jobs?"""
        name = "a second rerun is BLOCKED max_attempts_exceeded"
        self.report.expect(told, "nothing is rerun beyond the bound", None)
        if "max_attempts_exceeded" in codes and answer["decision"] != "NOOP":
            self.report.expect(told, name, None, ", ".join(j["jobName"] for j in self._concerned(answer))[:200])
        elif not self._reran:
            why = f"scenario 1 reran nothing ({', '.join(sorted(codes)) or 'no job'}); name a pull request with a flake"
            self.report.add(told, name, "not shown", why)
        elif codes <= {"not_failed", "no_run_id"}:
            self.report.add(told, name, "not shown", "the rerun healed the job; name a pull request that stays red")
        else:
            self.report.expect(told, name, f"the answer is {answer['decision']}: {', '.join(sorted(codes))}")

    def _concerned(self, answer: checks.Tree) -> list[checks.Tree]:
        """The jobs that scenario 1 reran; every job where it reran nothing. A run that is green lists none of them."""
        jobs: list[checks.Tree] = answer["jobs"]
        if not self._reran:
            return jobs
        mine = [job for job in jobs if (str(job.get("runId")), job["jobName"]) in self._reran]
        return mine or [job for job in jobs if job.get("reasonCode") == "no_run_id"]

    # --- requests ---

    @property
    def _number(self) -> int:
        return self.asked.pr_number

    @property
    def _path(self) -> str:
        return f"/api/github/prs/{self._number}/checks/rerun"

    @property
    def _where(self) -> dict[str, str]:
        return {"owner": self.asked.owner, "repo": self.asked.repo}

    @property
    def _principal(self) -> str | None:
        """Our name in the ledger, where the token tells it."""
        key = parse_key(self.api.token)
        return f"key:{key[0]}" if key else None

    @property
    def _run_of_rerun(self) -> dict[str, object]:
        """The run that scenario 1 reran: without its id a run that is going is not looked at."""
        runs = sorted(int(run) for run, _ in self._reran if run.isdigit())
        return {"runId": runs[0]} if runs else {}

    def _request(self, request_id: str, max_attempts: int) -> dict[str, object]:
        body: dict[str, object] = {**self._where, "mode": self.asked.mode}
        body |= {"maxAttempts": max_attempts, "requestId": request_id}
        return body | ({} if self.asked.run_id is None else {"runId": self.asked.run_id})

    def _post(self, body: Mapping[str, object]) -> Reply:
        """One request; the same one again while the deployment says that it is being worked on."""
        reply = self.api.post(self._path, body)
        for _ in range(5):
            if reply.code != "REQUEST_IN_PROGRESS":
                break
            self.sleep(self.asked.interval)
            reply = self.api.post(self._path, body)
        return reply

    def _rows(self, number: str = "1") -> tuple[list[dict[str, Any]], str | None]:
        """The rows of a request of ours."""
        return self.api.listed("/api/attempts", {**self._where, "requestId": f"{self.id}-{number}"})

    def _answered(self, scenario: str, reply: Reply) -> bool:
        """Whether the request was worked on; if not, why not, as the problem document tells it."""
        tree = reply.tree if isinstance(reply.tree, dict) else {}
        told = " ".join(str(tree[name]) for name in ("detail", "next") if tree.get(name))
        self.report.refused = self.report.refused or reply.status == 401 or reply.code in REFUSALS
        fault = None if reply.status == 200 else f"{reply}: {told or 'no problem document'}"
        return self.report.expect(scenario, "the request is answered", fault)

    def _checked(self, scenario: str, reply: Reply, request_id: str) -> checks.Tree | None:
        """The answer once every validation has passed, else None."""
        right = [
            self.report.expect(scenario, name, fault)
            for name, fault in checks.answer_checks(reply.tree, request_id=request_id, pr_number=self._number)
        ]
        return _tree(reply) if all(right) else None


def _tree(reply: Reply) -> checks.Tree:
    return reply.tree if isinstance(reply.tree, dict) else {}


def _refused(reply: Reply) -> str | None:
    return None if reply.status == 401 else f"{reply} instead of 401"


def _indexes(rows: Sequence[checks.Tree]) -> Iterator[int]:
    for row in rows:
        index = row.get("ledgerIndex")
        yield index if isinstance(index, int) and not isinstance(index, bool) and index >= 0 else -1


def _rows_against(rows: Sequence[checks.Tree], entries: Mapping[int, checks.Tree], answer: checks.Tree) -> str | None:
    """Rows and answer against the proven entries of their decisions."""
    decided = {str(e.get("decisionId")): e for e in entries.values() if e.get("kind") == "rerun.decided"}
    for row in rows:
        entry = decided.get(str(row.get("decisionId")))
        if entry is None:
            return f"the decision {row.get('decisionId')} of a row has no proven entry"
        if fault := checks.row_against_entry(row, entry):
            return fault
    for entry in decided.values():
        if entry.get("lawbookHash") != answer.get("lawbookHash"):
            return f"the answer's lawbookHash is not that of the ledger's decision ({entry.get('lawbookHash')})"
        if entry.get("environment") != answer.get("deploymentEnv"):
            return f"the answer's deploymentEnv is not that of the ledger's decision ({entry.get('environment')})"
    return None


def _n(rows: Sequence[object]) -> str:
    return f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
