"""Whether the environments of the runs were approved, as their review histories tell it (RG-4)."""

from __future__ import annotations

from collections.abc import Sequence

from cicatrix.core.facts import EnvironmentReview
from cicatrix.core.registry.approvals import login_of, needed_more
from cicatrix.core.registry.standing import Standing

_APPROVED = "approved"
_SILENT = frozenset({"pending"})
"""A comment that decides nothing."""


def run_problem(
    run_id: str, history: Sequence[EnvironmentReview], wanted: str | None, standing: Standing
) -> str | None:
    """Why the environment `wanted` of the run is not approved; None when it is.

    Without a name it is about every environment that was reviewed, and there must be one. Names are in any case, as at
    GitHub. GitHub tells neither the time of a review nor in which order it lists them, so which one is the latest is
    not known: every one that decides must approve. One of them must be by somebody else than the requester.
    """
    reviewed = {name.casefold(): name for review in history for name in review.environments}
    names = [wanted] if wanted is not None else [reviewed[key] for key in sorted(reviewed)]
    if not names:
        return f"no environment of run {run_id} was reviewed"
    return next((why for name in names if (why := _problem(run_id, history, name, standing)) is not None), None)


def _problem(run_id: str, history: Sequence[EnvironmentReview], name: str, standing: Standing) -> str | None:
    about = [review for review in history if name.casefold() in {other.casefold() for other in review.environments}]
    decided = [review for review in about if review.state.lower() not in _SILENT]
    if any(review.state.lower() != _APPROVED for review in decided):
        unknown = "and GitHub does not tell which one is the latest"
        return f"not every review of the environment {name} of run {run_id} approves it, {unknown}"
    people = {login_of(review.login) for review in decided} - {"", login_of(standing.requester)}
    least = 1 + needed_more(standing)
    if len(people) < least:
        whom = "people other than the requester"
        return f"the environment {name} of run {run_id} has {len(people)} of {least} approvals by {whom}"
    return None
