"""The judge of a finished story: laws 1 to 8 against what really happened, without a word of the product's own."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase

from cicatrix.simulator.state import RunState
from tests.simulation.evidence import Evidence, Row
from tests.simulation.stage import IDENTITY
from tests.simulation.workflows import CANARY, ELIGIBLE, WORD, forbidden

FAILING = frozenset({"failure", "timed_out"})
DEFINITE_WAITS = frozenset({"rate_limited", "unreachable"})
STARTS = frozenset({"rerun.intended", "rerun.resent"})
READING = 120
"""Seconds that one reading of a run may take, waits and stalls included."""
HARD_CAP = 5


def judge(evidence: Evidence) -> list[str]:
    """Every law broken in this story, each in a sentence that begins with the law."""
    laws = (_law_1, _budgets, _law_2, _law_3_before, _law_3_after, _on_old_facts, _law_4, _law_6, _law_7, _answers)
    return [violation for law in laws for violation in law(evidence)]


# --- truth ---


def _raced(evidence: Evidence, effect: Row) -> bool:
    """Somebody else's attempt came between our reading and our POST: GitHub has no way to compare and swap."""
    intent = evidence.intents.get(effect["operation"])
    return intent is not None and effect["attempt"] != intent["baseAttempt"] + 1


def _on_old_facts(evidence: Evidence) -> Iterator[str]:
    """A race is one only while we read: whoever had time to see somebody else's attempt must not act below it."""
    stale = max((f.values["seconds"] for f in evidence.story.faults if f.kind == "stale_for"), default=0.0)
    for effect in evidence.effects:
        intent = evidence.intents.get(effect["operation"])
        if intent is None or not _raced(evidence, effect):
            continue
        attempts = evidence.runs[effect["runId"]].attempts
        other = attempts[intent["baseAttempt"]].started_at
        starts = [e["at"] for e in evidence.stories_of(effect["operation"]) if e["kind"] in STARTS]
        last = max(at for at in map(datetime.fromisoformat, starts) if at <= datetime.fromisoformat(effect["at"]))
        age = (last - other).total_seconds()
        if age > READING + stale:
            yield (
                f"law 3: operation {effect['operation']} acted on attempt {intent['baseAttempt']} of run "
                f"{effect['runId']} although the next one had been there for {age:.0f} s"
            )


def _declared(intent: Row, run: RunState, name: str) -> bool:
    """Whether an operation named or declared the job: by its own name, its group's while skipped, or a pattern."""
    group = next((leaf.group for leaf in run.leaves if leaf.name == name), name)
    told = [job["name"] for job in (*intent["named"], *intent["dependants"])]
    return any(t in (name, group) or fnmatchcase(name, t.replace("[", "[[]")) for t in told)


def _shape(evidence: Evidence, run_id: str) -> int:
    return int(evidence.runs[run_id].path.rpartition("/w")[2].removesuffix(".yml"))


def _failure_at(run: RunState, name: str, attempt: int) -> str:
    """`eligible`, `ineligible`, `gate` or empty, for a job as it stood in an attempt."""
    execution = run.attempts[attempt - 1].latest[name]
    if execution.conclusion in ("success", "skipped", "neutral"):
        return ""
    if execution.leaf.spec.always and any(
        run.attempts[attempt - 1].latest[need].conclusion != "success" for need in execution.leaf.needs
    ):
        return "gate"
    return "eligible" if execution.outcome in ELIGIBLE else "ineligible"


# --- law 1: the bound holds ---


def _law_1(evidence: Evidence) -> Iterator[str]:
    book = evidence.story.lawbook
    per_job = min(book.per_job, HARD_CAP, 1 if evidence.story.repository_file == "tight" else HARD_CAP)
    in_run: Counter[tuple[str, str]] = Counter()
    on_sha: Counter[tuple[str, str, str]] = Counter()
    per_operation: Counter[str] = Counter()
    for effect in evidence.effects:
        run = evidence.runs[effect["runId"]]
        per_operation[effect["operation"]] += 1
        intent = evidence.intents.get(effect["operation"])
        asked = _asked(evidence, intent)
        for name in effect["ran"]:
            in_run[effect["runId"], name] += 1
            on_sha[run.head_sha, run.path, name] += 1
            limit = min(per_job, asked)
            if in_run[effect["runId"], name] > limit:
                yield f"law 1: {name!r} of run {run.id} reran {in_run[effect['runId'], name]} > {limit} times"
            if on_sha[run.head_sha, run.path, name] > book.per_job_and_sha:
                yield (
                    f"law 1: {name!r} on {run.head_sha[:12]} reran {on_sha[run.head_sha, run.path, name]} "
                    f"> {book.per_job_and_sha} times"
                )
            if intent is not None and not _raced(evidence, effect) and not _charged(evidence, intent, run, name):
                yield f"law 1: {name!r} of run {run.id} reran by operation {effect['operation']}, which charged no slot"
    for operation, count in per_operation.items():
        if count > 1:
            yield f"law 1: operation {operation} had {count} effects"
    states = {op["id"]: op["state"] for op in evidence.operations}
    for effect in evidence.effects:
        if states.get(effect["operation"]) == "REFUSED":
            yield f"law 1: attempt {effect['attempt']} of run {effect['runId']} happened, and its slots were given back"
    for op in evidence.operations:
        held = sum(1 for slot in evidence.slots if slot["operation_id"] == op["id"])
        due = 0 if op["state"] == "REFUSED" else 2 * (len(op["named"]) + len(op["dependants"]))
        if held != due:
            yield f"law 1: operation {op['id']} is {op['state']} and holds {held} slots, {due} are due"


def _asked(evidence: Evidence, intent: Row | None) -> int:
    """What the caller allowed; a caller may only lower the bound (law 8)."""
    if intent is None:
        return HARD_CAP
    asks = evidence.asks.get(evidence.texts.get(intent["requestId"], ""), [])
    return max((ask.max_attempts for ask in asks), default=HARD_CAP)


def _charged(evidence: Evidence, intent: Row, run: RunState, name: str) -> bool:
    del evidence
    group = next((leaf.group for leaf in run.leaves if leaf.name == name), name)
    scopes = {
        slot["scope"]
        for slot in intent["slots"]
        if slot["name"] in (name, group) or fnmatchcase(name, slot["name"].replace("[", "[[]"))
    }
    return scopes == {"run_job", "sha_job"}


def _budgets(evidence: Evidence) -> Iterator[str]:
    """The wider budgets count jobs named by operations that had an effect. A story lasts less than a day."""
    book = evidence.story.lawbook
    day: Counter[tuple[str, str]] = Counter()
    for effect in evidence.effects:
        intent = evidence.intents.get(effect["operation"])
        if intent is None:
            continue
        jobs = len(intent["named"])
        day["repository", intent["repositoryId"]] += jobs
        limits = [(("repository", intent["repositoryId"]), book.per_repository_day)]
        if intent["pullRequest"]:
            head = ("head", f"{intent['pullRequest']} {intent['headSha']}")
            pull = ("pull request", str(intent["pullRequest"]))
            day[head] += jobs
            day[pull] += jobs
            limits += [(head, book.per_pull_request), (pull, book.per_pull_request_day)]
        for key, limit in limits:
            if day[key] > limit:
                yield f"law 1: {key[0]} {key[1]} had {day[key]} > {limit} jobs rerun"


# --- law 2: only eligible jobs rerun ---


def _law_2(evidence: Evidence) -> Iterator[str]:
    for intent in evidence.intents.values():
        run = evidence.runs[intent["runId"]]
        op, names = intent["operationId"], {leaf.name for leaf in run.leaves}
        for job in intent["named"]:
            if job["name"] not in names:
                yield f"law 2: operation {op} names {job['name']!r}, which run {run.id} does not have"
                continue
            what = _failure_at(run, job["name"], intent["baseAttempt"])
            if what == "ineligible" or (what == "" and intent["verb"] != "rerun"):
                yield f"law 2: operation {op} names {job['name']!r}, which is {what or 'not failed'}"
            if what == "eligible" and not _in_lawbook(evidence, run, job["name"], intent["baseAttempt"]):
                yield f"law 2: operation {op} names {job['name']!r}, whose class the lawbook excludes"
        for job in (*intent["named"], *intent["dependants"]):
            if job["name"] in forbidden(_shape(evidence, intent["runId"])):
                yield f"law 2: operation {op} takes {job['name']!r} along, which has side effects"
    for effect in evidence.effects:
        yield from _really_ran(evidence, effect)


def _really_ran(evidence: Evidence, effect: Row) -> Iterator[str]:
    intent = evidence.intents.get(effect["operation"])
    if intent is None or _raced(evidence, effect):
        return
    run = evidence.runs[effect["runId"]]
    said = f"law 2: attempt {effect['attempt']} of run {run.id}"
    for name in effect["ran"]:
        what = _failure_at(run, name, effect["attempt"] - 1)
        if what == "ineligible":
            yield f"{said} reran {name!r}, which was ineligible"
        if not _declared(intent, run, name):
            yield f"{said} reran {name!r}, which was neither named nor declared"
        if name in forbidden(_shape(evidence, effect["runId"])):
            yield f"{said} released {name!r}, which has side effects"


def _in_lawbook(evidence: Evidence, run: RunState, name: str, attempt: int) -> bool:
    """Everything eligible in these stories is `infra_transient`."""
    del run, name, attempt
    return "infra_transient" in evidence.story.lawbook.eligible


# --- law 3: intent, act, outcome ---


def _law_3_before(evidence: Evidence) -> Iterator[str]:
    """Each POST has its own durable intent or resend before it, and none follows a POST whose fate was open."""
    seen: dict[tuple[str, int], Row] = {}
    for witness in evidence.witnesses:
        starts = [kind for kind in witness.entries if kind in STARTS]
        if "rerun.intended" not in witness.entries:
            yield f"law 3: a POST of operation {witness.operation or '(none)'} left without a durable intent"
        elif witness.send > len(starts) + 1:
            yield f"law 3: POST {witness.send} of operation {witness.operation} left with {len(starts)} durable intents"
    for post in evidence.posts:
        key = (post["operation"], post["send"])
        if key in seen:
            yield f"law 3: send {post['send']} of operation {post['operation']} left twice"
        earlier = seen.get((post["operation"], post["send"] - 1))
        if earlier is not None and not DEFINITE_WAITS & set(earlier["faults"]) and earlier["status"] not in (403, 429):
            yield (
                f"law 3: operation {post['operation']} was sent again after {earlier['status'] or 'no answer'} "
                f"{earlier['faults']}, which may have taken effect"
            )
        seen[key] = post


def _law_3_after(evidence: Evidence) -> Iterator[str]:
    """Each operation is settled as what really happened, or in doubt and shown; each confirmed one is judged."""
    effects = {effect["operation"]: effect for effect in evidence.effects}
    me = IDENTITY[evidence.story.identity]
    judged = {row["operation_id"] for row in evidence.outcomes}
    for op in evidence.operations:
        effect, state = effects.get(op["id"]), op["state"]
        kinds = [e["kind"].rpartition(".")[2] for e in evidence.stories_of(op["id"])]
        if state in ("SENT", "DEFERRED"):
            yield f"law 3: operation {op['id']} was never settled, it is {state}"
        elif not {"confirmed", "refused", "indeterminate", "resolved"} & set(kinds):
            yield f"law 3: operation {op['id']} is {state}, and no entry tells its outcome"
        if state == "REFUSED" and effect is not None:
            yield f"law 3: operation {op['id']} is REFUSED, and yet attempt {effect['attempt']} is its effect"
        if state == "CONFIRMED" and effect is None:
            run = evidence.runs[op["run_id"]]
            logins = [a.triggering_login for a in run.attempts if a.number == op["base_attempt"] + 1]
            if not logins or logins[0] != me:
                shared = bool(op["identity_shared"])
                if not logins or not shared:
                    yield f"law 3: operation {op['id']} is CONFIRMED, and nothing happened that could be its effect"
        if state == "CONFIRMED" and op["id"] not in judged:
            yield f"law 3: operation {op['id']} is CONFIRMED, and what became of its jobs was never recorded"
        if state == "INDETERMINATE":
            yield from _shown(evidence, op)
    for effect in evidence.effects:
        if effect["operation"] not in {op["id"] for op in evidence.operations}:
            yield f"law 3: attempt {effect['attempt']} of run {effect['runId']} has no operation"


def _shown(evidence: Evidence, op: Row) -> Iterator[str]:
    rows = [r for r in evidence.attempts if r["operation_id"] == op["id"] and r["reason_code"] == "outcome_unknown"]
    if len(rows) < len(op["named"]):
        yield f"law 3: operation {op['id']} is INDETERMINATE, and no row tells it"
    case = next((c for c in evidence.cases if c["operation_id"] == op["id"]), None)
    if case is not None and (case["state"] != "handed_over" or op["id"] not in case["note"]):
        yield f"law 3: operation {op['id']} is INDETERMINATE, and its case is {case['state']}: {case['note']!r}"


# --- law 4: fail closed ---


def _law_4(evidence: Evidence) -> Iterator[str]:
    if evidence.story.silent and evidence.posts:
        yield f"law 4: {len(evidence.posts)} POSTs left, although lawbook, registry or facts forbid every write"
    for intent in evidence.intents.values():
        if intent["runId"] == evidence.hidden_run and any(
            p["operation"] == intent["operationId"] for p in evidence.posts
        ):
            yield f"law 4: run {intent['runId']} was rerun on a job list with a hole"
    if evidence.thrown is not None:
        since, until = evidence.thrown
        for post in evidence.posts:
            if since < datetime.fromisoformat(post["at"]) < until:
                yield f"law 4: a POST left at {post['at']}, long after the kill switch"


# --- laws 6 and 7, and what callers were told ---


def _law_6(evidence: Evidence) -> Iterator[str]:
    if evidence.verified:
        yield f"law 6: the ledger does not verify: {evidence.verified}"
    for number, (body, leaf) in enumerate(zip(evidence.bodies, evidence.leaves, strict=True)):
        if hashlib.sha256(b"\x00" + body.encode()).hexdigest() != leaf:
            yield f"law 6: the leaf of entry {number} is not the hash of its text"
        if evidence.entries[number].get("index") != number:
            yield f"law 6: entry {number} bears index {evidence.entries[number].get('index')}"
    if evidence.rebuilt:
        yield f"law 6: the entries rebuild other tables: {evidence.rebuilt}"


def _law_7(evidence: Evidence) -> Iterator[str]:
    for number, body in enumerate(evidence.bodies):
        if CANARY in body or WORD in body:
            yield f"law 7: entry {number} holds a secret or a stranger's words: {body}"
    for ref, clear in evidence.texts.items():
        if CANARY in clear:
            yield f"law 7: text {ref} holds a secret: {clear}"
    for ask, answer in evidence.answers:
        if CANARY in json.dumps(answer):
            yield f"law 7: the answer to {ask.request_id} holds a secret"


def _answers(evidence: Evidence) -> Iterator[str]:
    """RR-6, RR-13 and RR-16: no claim without a confirmation, one answer a request id, no operation of a dry run."""
    states = {op["id"]: op["state"] for op in evidence.operations}
    first: dict[str, Row] = {}
    for ask, answer in evidence.answers:
        if first.setdefault(ask.request_id, answer) != answer:
            yield f"law 3: request {ask.request_id} was answered in two ways: {first[ask.request_id]} / {answer}"
        for job in answer["jobs"]:
            if (
                job["action"] == "RERUN"
                and job.get("state") != "queued"
                and states.get(job.get("operationId", "")) != "CONFIRMED"
            ):
                yield f"law 3: {ask.request_id} was told that {job['jobName']!r} reruns, and nothing is confirmed"
    dry = {name for name, asks in evidence.asks.items() if all(a.dry_run for a in asks)}
    for op in evidence.operations:
        if op["request_id"] in dry:
            yield f"law 4: dry run {op['request_id']} made operation {op['id']}"
