"""What is kept for a while only. The log and the tables that people audit are never touched."""

from __future__ import annotations

from datetime import timedelta

from cicatrix.flows.context import Context

INPUTS_KEPT = timedelta(days=180)
"""How long the inputs of a decision stay for `lawbook diff`. They are some 25 KB a decision and prove nothing."""

ONCE_IN = timedelta(days=1)
_FLAG = "retention.inputs"


def forget_what_is_old(ctx: Context) -> int:
    """Throw away inputs of decisions older than `INPUTS_KEPT`, once a day whoever asks; how many there were."""
    with ctx.ledger.read() as view:
        last = view.flag(_FLAG)
    now = ctx.now()
    if last is not None and last > (now - ONCE_IN).isoformat():
        return 0
    with ctx.ledger.write("retention") as tx:
        forgotten = tx.forget_inputs(now - INPUTS_KEPT)
        tx.set_flag(_FLAG, now.isoformat())
    return forgotten
