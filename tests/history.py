"""The offline checker: judges the laws of the house from two records, and shares no code with the product.

It reads the history that the simulated GitHub dumped (calls and effects) and the lines that the ledger exported, and
nothing else; the standard library is all it needs. What it looks for:

law 1  the bounds: reruns of a job in one run, of a job on one head SHA, of a pull request on one head SHA, and the
       rolling 24 hours of pull request, repository and organisation; at most 50 reruns a run.
law 2  only what was named or declared as a dependant really ran; no ineligible job was named; nothing was released
       that was skipped before and must not run (deploy jobs, jobs with an environment).
law 3  every effect of ours has exactly one earlier intent that was still open; an operation has at most one effect;
       every POST has an intent or a resend of its own; a resend follows a deferral; every intent is settled, and as
       what really happened; nothing is sent while GitHub has asked to wait; the log host never sees our token.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.history_writes import law_of_writes

DAY = timedelta(hours=24)
SETTLED = frozenset({"confirmed", "refused", "indeterminate", "resolved"})
VERBS = {"rerun-failed-jobs": "rerun-failed-jobs", "rerun": "rerun", "rerun-job": "rerun-job", "job-rerun": "rerun-job"}
ELIGIBLE = frozenset({"infra_transient", "flaky_probable"})


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What law 1 allows. The defaults are the built-in lawbook's."""

    run_job: int = 2
    sha_job: int = 2
    pull_request: int = 5
    pull_request_day: int = 15
    repository_day: int = 50
    organisation_day: int = 200
    platform: int = 50


@dataclass(kw_only=True)
class Op:
    """An operation as its entries tell it."""

    id: str
    at: datetime
    index: int
    repository_id: str
    owner_id: str
    run_id: str
    head_sha: str
    pull_request: str
    verb: str
    base_attempt: int
    target_job_id: str | None
    named: list[str]
    dependants: list[str]
    decision_id: str
    shared: bool
    events: list[tuple[str, int, Mapping[str, Any]]] = field(default_factory=list)
    """Word, place in the ledger, entry."""
    effects: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The last settled word: confirmed, refused, indeterminate, or open."""
        state = "open"
        for event, _, entry in self.events:
            if event == "resolved":
                told = str(entry.get("state") or entry.get("as") or "").lower()
                state = "confirmed" if told in ("confirmed", "happened") else "refused"
            elif event in SETTLED:
                state = event
        return state

    @property
    def definitely_refused(self) -> bool:
        """Refused by GitHub or by what was read, not by a person's word about an indeterminate one."""
        return any(event == "refused" for event, _, _ in self.events)

    @property
    def settled_place(self) -> int | None:
        return next((place for event, place, _ in self.events if event in SETTLED), None)

    @property
    def sends(self) -> int:
        return 1 + sum(1 for event, _, _ in self.events if event == "resent")

    def __str__(self) -> str:
        return f"operation {self.id} (run {self.run_id}, attempt {self.base_attempt} + 1, {self.verb}, {self.state})"


def moment(text: str | datetime) -> datetime:
    """A time of either record."""
    return text if isinstance(text, datetime) else datetime.fromisoformat(text)


def read_entries(lines: Iterable[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries of an export, in order. A line is JSON text or its tree; the entry inside may be text or a tree."""
    entries = []
    for line in lines:
        if isinstance(line, str) and not line.strip():
            continue
        tree = json.loads(line) if isinstance(line, str) else dict(line)
        entry = tree.get("entry", tree)
        entries.append(json.loads(entry) if isinstance(entry, str) else dict(entry))
    return entries


def check(
    history: Iterable[Mapping[str, Any]],
    ledger: Iterable[str | Mapping[str, Any]],
    *,
    ours: Collection[str] | None = None,
    bounds: Bounds | None = None,
    ineligible: Mapping[str, Collection[str]] | None = None,
    may_release: Collection[str] = (),
    one_clock: bool = True,
    finished: bool = True,
) -> list[str]:
    """All violations, each in a sentence with enough to find it again; none means that laws 1 to 3 held.

    `ours`: logins of our tokens (everything that came by a call, when left out). `ineligible`: run id -> names of jobs
    that must never be named, from whoever made the runs. `may_release`: jobs with an environment, or deploy jobs, that
    the lawbook names. `one_clock`: both records tell the same time, so that earlier and later can be judged.
    `finished`: faults are over and everything had time to settle.
    """
    records = list(history)
    effects = [r for r in records if r["type"] == "effect" and r["kind"] in VERBS]
    own = [e for e in effects if e["call"] is not None and (ours is None or e["login"] in ours)]
    calls = [r for r in records if r["type"] == "call"]
    entries = read_entries(ledger)
    found: list[str] = []
    operations = _operations(entries, found)
    _match(own, operations, found, one_clock=one_clock)
    limits = bounds or Bounds()
    _law_1(own, effects, operations, limits, found)
    _law_2(operations, entries, ineligible or {}, may_release, found)
    _law_3(operations, effects, found, finished=finished)
    _posts([c for c in calls if ours is None or c["who"] in ours], operations, found)
    found += law_of_writes(records, entries, ours)
    found += [
        f"law 3: call {c['seq']} showed our token to the log host"
        for c in calls
        if c["origin"] == "logs" and c["authorization"]
    ]
    return found


def _operations(entries: Sequence[Mapping[str, Any]], found: list[str]) -> dict[str, Op]:
    operations: dict[str, Op] = {}
    for place, entry in enumerate(entries):
        family, _, event = str(entry.get("kind", "")).rpartition(".")
        if family != "rerun" or "operationId" not in entry:
            continue
        name = str(entry["operationId"])
        if event == "intended":
            if name in operations:
                found.append(f"law 3: operation {name} was intended twice (entries {operations[name].index}, {place})")
            operations[name] = _operation(name, place, entry)
        elif name not in operations:
            found.append(f"law 3: entry {place} ({entry['kind']}) tells of operation {name}, which was never intended")
        elif event in SETTLED or event in ("deferred", "resent"):
            operations[name].events.append((event, place, entry))
    return operations


def _operation(name: str, place: int, entry: Mapping[str, Any]) -> Op:
    return Op(
        id=name,
        at=moment(entry["at"]),
        index=place,
        repository_id=str(entry["repositoryId"]),
        owner_id=str(entry.get("ownerId", "")),
        run_id=str(entry["runId"]),
        head_sha=str(entry["headSha"]),
        pull_request=str(entry.get("pullRequest", 0)),
        verb=VERBS.get(str(entry["verb"]), str(entry["verb"])),
        base_attempt=int(entry["baseAttempt"]),
        target_job_id=str(entry["targetJobId"]) if entry.get("targetJobId") else None,
        named=[_name(job) for job in entry["named"]],
        dependants=[_name(job) for job in entry["dependants"]],
        decision_id=str(entry.get("decisionId", "")),
        shared=bool(entry.get("identityShared", False)),
    )


def _name(job: Any) -> str:
    return str(job["name"]) if isinstance(job, Mapping) else str(job)


def _told(effect: Mapping[str, Any]) -> str:
    what = f"{effect['kind']} by {effect['login']}, run {effect['runId']}, attempt {effect['attempt']}"
    return f"effect {effect['seq']} ({what})"


def _match(
    own: Sequence[Mapping[str, Any]], operations: Mapping[str, Op], found: list[str], *, one_clock: bool
) -> None:
    """Gives each effect of ours the one operation it belongs to."""
    for effect in own:
        at = moment(effect["at"])
        fitting = [
            op
            for op in operations.values()
            if op.run_id == str(effect["runId"])
            and op.repository_id == str(effect["repositoryId"])
            and op.base_attempt + 1 == effect["attempt"]
            and op.verb == VERBS[effect["kind"]]
        ]
        if one_clock:
            late = [op for op in fitting if op.at > at]
            fitting = [op for op in fitting if op.at <= at]
            if late and not fitting:
                found.append(f"law 3: {_told(effect)} came before its intent, {late[0]} at {late[0].at.isoformat()}")
                late[0].effects.append(effect)
                continue
        standing = [op for op in fitting if not op.definitely_refused] or fitting
        if not standing:
            found.append(f"law 3: {_told(effect)} has no intent")
        elif len(standing) > 1:
            found.append(f"law 3: {_told(effect)} has {len(standing)} intents: {', '.join(str(op) for op in standing)}")
        for op in standing[:1]:
            op.effects.append(effect)


def _law_1(
    own: Sequence[Mapping[str, Any]],
    effects: Sequence[Mapping[str, Any]],
    operations: Mapping[str, Op],
    bounds: Bounds,
    found: list[str],
) -> None:
    by_run: Counter[tuple[str, str, str]] = Counter()
    by_sha: Counter[tuple[str, str, str]] = Counter()
    for effect in own:
        for job in {*effect["named"], *effect["ran"]}:
            by_run[effect["repositoryId"], effect["runId"], job] += 1
            by_sha[effect["repositoryId"], effect["headSha"], job] += 1
    for (repository, run, job), count in by_run.items():
        if count > bounds.run_job:
            found.append(
                f"law 1: job {job!r} of run {run} in repository {repository} reran {count} > {bounds.run_job} times"
            )
    for (repository, sha, job), count in by_sha.items():
        if count > bounds.sha_job:
            found.append(
                f"law 1: job {job!r} on {sha} in repository {repository} reran {count} > {bounds.sha_job} times"
            )
    per_run = Counter(str(e["runId"]) for e in effects)
    ours_per_run = Counter(str(e["runId"]) for e in own)
    found += [
        f"law 1: run {run} was rerun {count} > {bounds.platform} times"
        for run, count in per_run.items()
        if count > bounds.platform and ours_per_run[run]
    ]
    _sums(operations, bounds, found)


def _sums(operations: Mapping[str, Op], bounds: Bounds, found: list[str]) -> None:
    """The wider budgets: jobs named by operations that had an effect."""
    done = [(moment(e["at"]), op) for op in operations.values() for e in op.effects[:1]]
    sha: Counter[tuple[str, str, str]] = Counter()
    days: dict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
    for at, op in sorted(done, key=lambda pair: pair[0]):
        jobs = len(op.named)
        if op.pull_request != "0":
            sha[op.repository_id, op.pull_request, op.head_sha] += jobs
            days["pull request", f"{op.repository_id}#{op.pull_request}"].append((at, jobs))
        days["repository", op.repository_id].append((at, jobs))
        days["organisation", op.owner_id].append((at, jobs))
    for (repository, pull, head), count in sha.items():
        if count > bounds.pull_request:
            found.append(
                f"law 1: pull request {repository}#{pull} had {count} > {bounds.pull_request} jobs rerun on {head}"
            )
    most = {
        "pull request": bounds.pull_request_day,
        "repository": bounds.repository_day,
        "organisation": bounds.organisation_day,
    }
    for (kind, key), rows in days.items():
        for at, _ in rows:
            count = sum(jobs for when, jobs in rows if at - DAY < when <= at)
            if count > most[kind]:
                found.append(f"law 1: {kind} {key} had {count} > {most[kind]} jobs rerun in the 24 h before {at}")
                break


def _law_2(
    operations: Mapping[str, Op],
    entries: Sequence[Mapping[str, Any]],
    ineligible: Mapping[str, Collection[str]],
    may_release: Collection[str],
    found: list[str],
) -> None:
    decisions = {str(e["decisionId"]): e for e in entries if e.get("kind") == "rerun.decided" and "decisionId" in e}
    for op in operations.values():
        found += [
            f"law 2: {op} names {job!r}, which must never be asked to rerun"
            for job in op.named
            if job in ineligible.get(op.run_id, ())
        ]
        _against_decision(op, decisions.get(op.decision_id), found)
        declared = {*op.named, *op.dependants}
        gates = _gates(op, decisions.get(op.decision_id))
        for effect in op.effects:
            found += [
                f"law 2: {_told(effect)} ran {job!r}, which {op} neither names nor declares"
                for job in effect["ran"]
                if job not in declared and not _as_one_line(job, op.dependants)
            ]
            found += [
                f"law 2: {_told(effect)} asked GitHub for {job!r}, which {op} does not name"
                for job in effect["named"]
                if job not in op.named and job not in gates
            ]
            found += [
                f"law 2: {_told(effect)} ran {job!r}, which has an environment"
                for job in effect["environments"]
                if job not in may_release
            ]
            found += [
                f"law 2: {_told(effect)} asked for {job!r}, which must never rerun"
                for job in effect["named"]
                if job in ineligible.get(op.run_id, ())
            ]


def _as_one_line(job: str, dependants: Collection[str]) -> bool:
    """Whether it was declared as GitHub showed it while its matrix or called workflow was skipped as a whole."""
    return any(job.startswith((f"{line} (", f"{line} / ")) for line in dependants)


def _gates(op: Op, decision: Mapping[str, Any] | None) -> set[str]:
    """Declared dependants that had failed because a need of theirs had: GitHub counts them among the failed jobs."""
    jobs = decision.get("jobs", ()) if decision else ()
    return {str(job["name"]) for job in jobs if job.get("reasonCode") == "dependant_failure"} & set(op.dependants)


def _against_decision(op: Op, decision: Mapping[str, Any] | None, found: list[str]) -> None:
    """The recorded decision must have asked for what the operation names, for a reason that allows it."""
    if decision is None or str(decision.get("mode", "")).upper() == "ALL_JOBS":
        return
    jobs = {str(job["name"]): job for job in decision.get("jobs", ())}
    for name in op.named:
        job = jobs.get(name)
        if job is None:
            found.append(f"law 2: {op} names {name!r}, of which decision {op.decision_id} knows nothing")
            continue
        reasons = {str(job.get("reasonCode", "")), *map(str, job.get("reasons", ()))}
        if job.get("failureClass") not in ELIGIBLE and "dependant_failure" not in reasons:
            found.append(f"law 2: {op} names {name!r}, decided as {job.get('failureClass')} ({job.get('reasonCode')})")


def _law_3(
    operations: Mapping[str, Op], effects: Sequence[Mapping[str, Any]], found: list[str], *, finished: bool
) -> None:
    attempts = {(str(e["repositoryId"]), str(e["runId"]), int(e["attempt"])) for e in effects}
    open_since: dict[tuple[str, str], Op] = {}
    for op in sorted(operations.values(), key=lambda o: o.index):
        if len(op.effects) > 1:
            found.append(f"law 3: {op} had {len(op.effects)} effects: {', '.join(_told(e) for e in op.effects)}")
        if finished and op.state == "open":
            found.append(f"law 3: {op} was never settled")
        if op.state == "confirmed" and (op.repository_id, op.run_id, op.base_attempt + 1) not in attempts:
            by_person = any(event == "resolved" for event, _, _ in op.events)
            if not by_person:
                found.append(f"law 3: {op} is confirmed, and there is no such attempt")
        if op.definitely_refused and op.effects:
            found.append(f"law 3: {op} is refused, and yet {_told(op.effects[0])} happened")
        if op.state == "confirmed" and not op.shared and not op.effects and not _resolved(op):
            found.append(f"law 3: {op} is confirmed by an App's own identity, and no effect is ours")
        last = "intended"
        for event, _, _ in op.events:
            if event == "resent" and last != "deferred":
                found.append(f"law 3: {op} was sent again after {last!r}; only a definite 'not now' allows it")
            last = event
        key = (op.repository_id, op.run_id)
        earlier = open_since.get(key)
        if earlier is not None and (earlier.settled_place is None or earlier.settled_place > op.index):
            found.append(f"law 3: {op} was intended while {earlier} was open")
        open_since[key] = op


def _resolved(op: Op) -> bool:
    return any(event == "resolved" for event, _, _ in op.events)


def _posts(calls: Sequence[Mapping[str, Any]], operations: Mapping[str, Op], found: list[str]) -> None:
    """Every POST for a rerun needs an intent or a resend of its own, and patience where GitHub asked for it."""
    allowed: Counter[str] = Counter()
    for op in operations.values():
        if op.verb == "rerun-job":
            allowed[f"jobs/{op.target_job_id}/rerun"] += op.sends
        else:
            allowed[f"runs/{op.run_id}/{op.verb}"] += op.sends
    sent: Counter[str] = Counter()
    wait: dict[str, datetime] = {}
    for call in calls:
        until = wait.get(str(call["who"]))
        if call["method"] == "POST" and "/actions/" in call["path"] and not call["path"].endswith("/dispatches"):
            sent[str(call["path"]).partition("/actions/")[2]] += 1
            if until is not None and moment(call["at"]) < until:
                found.append(f"law 3: call {call['seq']} was sent at {call['at']}, before {until.isoformat()} as asked")
        if call.get("notBefore"):
            wait[str(call["who"])] = max(moment(call["notBefore"]), until or moment(call["notBefore"]))
    found += [
        f"law 3: {count} POSTs to {path}, and {allowed[path]} intents and resends for it"
        for path, count in sent.items()
        if count > allowed[path]
    ]
