"""`cicatrix operation list|show|resolve`."""

from __future__ import annotations

from cicatrix import wiring
from cicatrix.core.operations import Kind, OperationState
from cicatrix.flows.context import Context
from cicatrix.flows.explain import explain_operation, tell_operation
from cicatrix.flows.settle import resolve as settle
from cicatrix.github import GitHubError

from . import state
from .errors import Stop, usage
from .screen import Format
from .session import opened, person, principal_of, settings_of

VERY_WIDE = 160
"""Columns from which operations are rows of a table."""

VERDICTS = {"happened": True, "did-not-happen": False}


def listed(*, every: bool, limit: int, as_json: bool, output: Format | None) -> None:
    """Operations that are open or INDETERMINATE; all of them with `every`."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with wiring.open_ledger_only(settings_of(), must_exist=True) as ledger, ledger.read() as view:
        waiting = (*view.open_operations(limit, kinds=tuple(Kind)), *view.indeterminate_operations(limit))
        found = view.all_operations() if every else waiting
        rows = [tell_operation(operation) for operation in found[-limit:]]
    if shape is Format.JSON:
        screen.json(rows)
        return
    if not rows:
        screen.line("○ no operation" if every else "○ no operation is open, and none waits for a person")
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    if screen.width < VERY_WIDE:
        for row in rows:
            lines = {
                "call": f"{row['verb']} on {row['target'] or 'run ' + row['runId']} of {row['repository']}",
                "jobs": ", ".join(row["named"]),
                "made": showing.short_time(row["createdAt"]),
                "answer": row["answer"] or "-",
            }
            showing.show_block(screen, f"{row['operationId']}  {row['state']}", lines)
        return
    showing.show_rows(
        screen,
        ("operation", "state", "call", "repository", "run", "jobs", "made", "answer"),
        [
            (
                row["operationId"],
                row["state"],
                row["verb"],
                row["repository"],
                row["runId"],
                ", ".join(row["named"]),
                showing.short_time(row["createdAt"]),
                row["answer"] or "-",
            )
            for row in rows
        ],
    )


def show(operation_id: str, *, as_json: bool, output: Format | None) -> None:
    """One operation with its entries and its run's case."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with wiring.open_ledger_only(settings_of(), must_exist=True) as ledger, ledger.read() as view:
        told = explain_operation(view, operation_id)
    if told is None:
        raise _unknown(operation_id)
    if shape is Format.JSON:
        screen.json(told)
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    showing.show_operation(screen, told["operation"])
    showing.show_case(screen, told)


def resolve(operation_id: str, *, verdict: str, reason: str, as_json: bool, output: Format | None) -> None:
    """A person's word on an INDETERMINATE operation, or on an identity conflict; recorded under that person's name."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if verdict not in VERDICTS:
        raise usage("The verdict means nothing.", f"{verdict[:40]!r} is no verdict.", "Use happened or did-not-happen.")
    if not reason.strip():
        raise usage("The reason is empty.", "It is recorded for whoever reads the ledger later.", "Say how you know.")
    with opened(settings_of()) as ctx:
        principal = _principal(ctx)
        with ctx.ledger.read() as view:
            operation = view.operation(operation_id)
        if operation is None:
            _resolve_conflict(ctx, operation_id, reason, principal, shape)
            return
        if operation.state is not OperationState.INDETERMINATE:
            raise Stop(
                f"The operation {operation_id} does not wait for a person.",
                f"It is {operation.state.value}: {operation.answer or 'no answer yet'}.",
                "`cicatrix tick` settles what is open; `cicatrix operation list` shows what waits for a person.",
            )
        done = settle(ctx, operation_id, happened=VERDICTS[verdict], reason=reason, principal=principal)
    if done is None:
        raise Stop(
            f"The operation {operation_id} was settled by somebody else meanwhile.",
            "It is INDETERMINATE no more.",
            f"`cicatrix operation show {operation_id}` shows how.",
        )
    if shape is Format.JSON:
        screen.json(tell_operation(done))
    else:
        screen.line(f"✓ operation {done.id} is {done.state.value} now, on the word of {screen.safe(principal)}")


def _principal(ctx: Context) -> str:
    """The token's login when there is a working token; resolving needs none."""
    try:
        return principal_of(ctx)
    except GitHubError:
        return person()


def _resolve_conflict(ctx: Context, conflict_id: str, reason: str, principal: str, shape: Format) -> None:
    screen = state.screen
    with ctx.ledger.write("resolve") as tx:
        index = tx.resolve_conflict(conflict_id, reason, principal)
    if index is None:
        raise _unknown(conflict_id)
    if shape is Format.JSON:
        screen.json({"conflictId": conflict_id, "resolved": True, "ledgerIndex": index})
    else:
        screen.line(f"✓ identity conflict {screen.safe(conflict_id)} is resolved (entry {index})")


def _unknown(operation_id: str) -> Stop:
    return Stop(
        f"There is no operation {operation_id[:80]}.",
        "This ledger knows none of that id.",
        "`cicatrix operation list --all` lists them.",
    )
