"""The guards that are removed in turn. Each is a text in one file of the product, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One replacement. `old` stands in the file exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    law: int
    """The law that the simulation must name."""
    changes: tuple[Change, ...]
    hint: int = 0
    """A seed that found it once: tried first, for speed alone."""


MUTANTS = (
    Mutant(
        "slots are not taken",
        1,
        (Change("ledger/slots.py", "    if wanted:\n        connection.execute(_INSERT, wanted)\n", ""),),
        hint=1,
    ),
    Mutant(
        "the bound is off by one",
        1,
        (Change("core/policy.py", "left=max(0, smallest - used)", "left=max(0, smallest + 1 - used)"),),
        hint=8,
    ),
    Mutant(
        "slots are freed when no answer came",
        1,
        (
            Change(
                "flows/settle.py",
                "reconcile(ctx, operation, sender=True)",
                "refuse(ctx, operation, str(doubt))",
            ),
        ),
        hint=13,
    ),
    Mutant(
        "dependants are not charged",
        1,
        (Change("core/plan/call.py", "dependants=tuple(refs),", "dependants=(),"),),
        hint=1,
    ),
    Mutant(
        "wider budgets are not looked at",
        1,
        (Change("core/plan/budgets.py", "if place >= left:", "if place >= left + 99:"),),
        hint=9,
    ),
    Mutant(
        "all failed jobs are rerun although one is not eligible",
        2,
        (
            Change(
                "core/plan/call.py",
                "if len(eligible) + len(gates) == len(at_stake) and all(gate.name in along for gate in gates):",
                "if eligible:",
            ),
        ),
        hint=46,
    ),
    Mutant(
        "dependants are not checked for side effects",
        2,
        (Change("core/plan/along.py", "for name in (item.name, *item.along):", "for name in (item.name,):"),),
        hint=8,
    ),
    Mutant(
        "environments are not looked at",
        2,
        (Change("core/plan/along.py", 'if effects.environments == "never" and', "if False and"),),
        hint=31,
    ),
    Mutant(
        "every failure counts as eligible",
        2,
        (
            Change("core/plan/jobs.py", "elif verdict.failure_class not in RETRYABLE:", "elif False:"),
            Change("core/plan/jobs.py", "elif verdict.failure_class not in question.lawbook.eligible:", "elif False:"),
        ),
        hint=4,
    ),
    Mutant(
        "the lawbook's eligible classes are ignored",
        2,
        (Change("core/plan/jobs.py", "elif verdict.failure_class not in question.lawbook.eligible:", "elif False:"),),
        hint=82,
    ),
    Mutant(
        "the POST leaves before the intent is committed",
        3,
        (
            Change(
                "flows/intent.py",
                "    return Intent(operation_id=operation.id, ledger_index=operation.intended_index, send=1)",
                "    receipt = Receipt(operation_id=operation.id, ledger_index=operation.intended_index, send=1)\n"
                "    turn.ctx.github.rerun_failed_jobs(\n"
                "        operation.owner, operation.repository, operation.run_id, receipt=receipt\n"
                "    )\n"
                "    return Recorded(plan=plan, decision_id=operation.decision_id, index=0, operation=operation)",
            ),
        ),
        hint=1,
    ),
    Mutant(
        "the intent is no entry of the ledger",
        3,
        (Change("ledger/tx.py", 'f"{operation.kind}.intended", story', 'f"{operation.kind}.planned", story'),),
        hint=1,
    ),
    Mutant(
        "what was not answered is sent again",
        3,
        (
            Change(
                "flows/settle.py",
                "except (NotSent, Deferred) as wait:",
                "except (NotSent, Deferred, Unanswered) as wait:",
            ),
        ),
        hint=1,
    ),
    Mutant(
        "a 5xx counts as a refusal",
        3,
        (
            Change(
                "github/table.py",
                "    if not again:\n        return _raise(Unanswered)",
                "    if not again:\n        return _raise(Refused)",
            ),
        ),
        hint=130,
    ),
    Mutant(
        "an operation without a verdict stays open",
        3,
        (
            Change(
                "flows/settle.py",
                "    if _window_over(ctx, operation):\n        give_up(",
                "    if operation.sends > 99:\n        give_up(",
            ),
        ),
        hint=1,
    ),
    Mutant(
        "what became of a rerun is not recorded",
        3,
        (Change("flows/outcomes.py", "if tx.outcomes(operation_id=operation.id):", "if operation.id:"),),
        hint=1,
    ),
    Mutant(
        "a deferred operation is sent again on top of somebody else's attempt",
        3,
        (Change("flows/resend.py", "attempt != operation.base_attempt or ", ""),),
        hint=131,
    ),
    Mutant(
        "callers are told of a rerun that nothing confirmed",
        3,
        (
            Change(
                "flows/told.py",
                "elif state in {OperationState.SENT, OperationState.INDETERMINATE}:",
                "elif state is OperationState.INDETERMINATE:",
            ),
        ),
        hint=1,
    ),
    Mutant(
        "holes in what was read are overlooked",
        4,
        (
            Change(
                "core/plan/stops.py",
                "    hole = facts.incomplete or _hole(facts)",
                "    hole = _hole(facts) if not facts.attempts else None",
            ),
        ),
        hint=18,
    ),
    Mutant(
        "a list with a hole counts as whole",
        4,
        (
            Change(
                "github/paging.py",
                "if total is not None and total != len(found):",
                "if total is not None and total < len(found):",
            ),
        ),
        hint=18,
    ),
    Mutant(
        "an invalid lawbook is ignored",
        4,
        (
            Change(
                "flows/policies.py",
                "[(Reason.LAWBOOK_BLOCK, problem) for problem in problems]",
                "[(Reason.LAWBOOK_BLOCK, problem) for problem in ()]",
            ),
        ),
        hint=19,
    ),
    Mutant(
        "a lawbook that says off is ignored",
        4,
        (Change("core/plan/stops.py", "if lawbook.mode is LawbookMode.OFF:", "if False:"),),
        hint=14,
    ),
    Mutant(
        "the kill switch is ignored",
        4,
        (Change("flows/policies.py", "if switch := deployment.kill_switch():", "if switch := None:"),),
        hint=7,
    ),
    Mutant(
        "the plan throws dice",
        5,
        (
            Change(
                "core/plan/budgets.py",
                "        if item.limits.left - twins < 1:",
                '        if item.limits.left - twins < 1 or __import__("random").random() < 0.5:',
            ),
        ),
        hint=8,
    ),
    Mutant(
        "the plan looks at the clock",
        5,
        (
            Change(
                "core/plan/stops.py",
                "if now - run.created_at > MAX_RUN_AGE:",
                'if now - run.created_at > MAX_RUN_AGE or __import__("time").time_ns() // 1000 % 2:',
            ),
        ),
        hint=0,
    ),
    Mutant(
        "the plan follows the order of a set",
        5,
        (
            Change(
                "core/plan/call.py",
                "    eligible = [i for i in items if i.eligible]\n",
                "    by = {i.name: i for i in items if i.eligible}\n    eligible = [by[name] for name in set(by)]\n",
            ),
        ),
        hint=168,
    ),
    Mutant(
        "the plan follows the order of a dictionary",
        5,
        (
            Change(
                "core/plan/model.py",
                "verdict = question.facts.verdicts.get(job.id)",
                "every = question.facts.verdicts\n"
                "        verdict = next(iter(every.values())) if job.id in every else None",
            ),
        ),
        hint=8,
    ),
)
