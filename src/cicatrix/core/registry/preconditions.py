"""The 11 preconditions. Each is met by what was read, or not met, with the reason (RG-4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cicatrix.core.registry.approvals import approvers, needed_more, objectors, writers
from cicatrix.core.registry.environments import run_problem
from cicatrix.core.registry.model import Precondition, PreconditionType, RequiredCheck
from cicatrix.core.registry.standing import Standing

_FINE = frozenset({"success", "neutral", "skipped"})
_FAILED = frozenset({"failure", "error"})

NOT_READ = "was not read or could not be read"

Problem = str | None
"""Why it is not met; None when it is."""
_Judge = Callable[[Precondition, Standing, Sequence[RequiredCheck]], Problem]


def name_of(precondition: Precondition) -> str:
    """`checks_passed`, or with its value `label_present=ready`."""
    if precondition.value is None or isinstance(precondition.value, bool):
        return str(precondition.type)
    return f"{precondition.type}={precondition.value}"


def problem(precondition: Precondition, standing: Standing, required: Sequence[RequiredCheck]) -> Problem:
    """Why the precondition is not met, with the evidence; None when it is."""
    return _JUDGES[precondition.type](precondition, standing, required)


def _checks_passed(_: Precondition, standing: Standing, required: Sequence[RequiredCheck]) -> Problem:
    """Every required check is there and passed; where none is required, all are fine and one of them is a success."""
    if standing.checks is None:
        return f"the list of checks {NOT_READ}"
    binding = [check for check in required if check.required]
    if binding:
        wrong = [why for check in binding if (why := _required_problem(check, standing.checks))]
        return "; ".join(wrong) or None
    excused = {check.name for check in required}
    counted = [(name, status) for name, status in standing.checks if name not in excused]
    if not counted:
        return "the head has no check that counts"
    return _combined_problem("success", counted)


def _required_problem(check: RequiredCheck, checks: Sequence[tuple[str, str]]) -> Problem:
    statuses = [status for name, status in checks if name == check.name]
    if not statuses:
        return f"the required check {check.name} is missing"
    wrong = sorted({status for status in statuses if status not in check.allowed_statuses})
    allowed = ", ".join(sorted(check.allowed_statuses)) or "nothing"
    return f"the required check {check.name} is {', '.join(wrong)}, allowed is {allowed}" if wrong else None


def _checks_status(precondition: Precondition, standing: Standing, _: Sequence[RequiredCheck]) -> Problem:
    if standing.checks is None:
        return f"the list of checks {NOT_READ}"
    if not standing.checks:
        return "the head has no check"
    return _combined_problem(str(precondition.value), standing.checks)


def _combined_problem(wanted: str, checks: Sequence[tuple[str, str]]) -> Problem:
    together = combined(checks)
    if together == wanted:
        return None
    shown = [f"{name} is {status}" for name, status in checks if wanted != "success" or status not in _FINE]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return f"the checks together are {together or 'of no known status'}: {', '.join(shown[:3])}{more}"


def combined(checks: Sequence[tuple[str, str]]) -> str | None:
    """`failure` with one failure or error, else `pending` with one pending, else `success`, as GitHub combines them.

    None for no checks, with a status that we do not know, and when nothing but neutral and skipped is there.
    https://docs.github.com/en/rest/commits/statuses
    """
    statuses = {status for _, status in checks}
    if statuses & _FAILED:
        return "failure"
    if "pending" in statuses:
        return "pending"
    return "success" if "success" in statuses and statuses <= _FINE else None


def _review_approved(_: Precondition, standing: Standing, _required: Sequence[RequiredCheck]) -> Problem:
    if (why := _approvals_problem(1, standing)) is not None:
        return why
    # without knowing the role of who objects, the objection counts
    against = sorted(
        login for login in objectors(standing) if login not in standing.roles or writers(standing, [login])
    )
    return f"changes are requested by {len(against)} of the reviewers" if against else None


def _review_count(precondition: Precondition, standing: Standing, _: Sequence[RequiredCheck]) -> Problem:
    wanted = precondition.value
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        return "its value is no number of reviews"
    return _approvals_problem(wanted, standing)


def _approvals_problem(wanted: int, standing: Standing) -> Problem:
    approved = approvers(standing)
    if approved is None:
        return f"the reviews of the head {NOT_READ}"
    count, least = len(writers(standing, approved)), wanted + needed_more(standing)
    if count >= least:
        return None
    return f"the head has {count} of {least} approvals by people other than the requester who may write"


def _label_present(precondition: Precondition, standing: Standing, _: Sequence[RequiredCheck]) -> Problem:
    if standing.labels is None:
        return f"the list of labels {NOT_READ}"
    return None if _has(standing.labels, precondition) else f"the label {precondition.value} is not there"


def _label_absent(precondition: Precondition, standing: Standing, _: Sequence[RequiredCheck]) -> Problem:
    if standing.labels is None:
        return f"the list of labels {NOT_READ}"
    return f"the label {precondition.value} is there" if _has(standing.labels, precondition) else None


def _assignee_set(precondition: Precondition, standing: Standing, _: Sequence[RequiredCheck]) -> Problem:
    if standing.assignees is None:
        return f"the list of assignees {NOT_READ}"
    if precondition.value is None:
        return None if standing.assignees else "nobody is assigned"
    return None if _has(standing.assignees, precondition) else f"{precondition.value} is not assigned"


def _has(names: Sequence[str], precondition: Precondition) -> bool:
    return str(precondition.value).casefold() in {name.casefold() for name in names}


def _environment_approved(precondition: Precondition, standing: Standing, _: Sequence[RequiredCheck]) -> Problem:
    """Every run by itself: the approval of one is none of the other."""
    if not standing.environment_reviews:
        return f"the review history of the runs' deployments {NOT_READ}"
    wanted = None if precondition.value is None else str(precondition.value)
    found = (run_problem(run, history, wanted, standing) for run, history in standing.environment_reviews.items())
    return next((why for why in found if why is not None), None)


def _flag(read: Callable[[Standing], bool | None], subject: str, otherwise: str, *, wanted: bool = True) -> _Judge:
    def judge(_: Precondition, standing: Standing, _required: Sequence[RequiredCheck]) -> Problem:
        value = read(standing)
        if value is None:
            return f"{subject} {NOT_READ}"
        return None if value is wanted else otherwise

    return judge


_P = PreconditionType
_JUDGES: Mapping[PreconditionType, _Judge] = {
    _P.CHECKS_PASSED: _checks_passed,
    _P.CHECKS_STATUS: _checks_status,
    _P.REVIEW_APPROVED: _review_approved,
    _P.REVIEW_COUNT: _review_count,
    _P.LABEL_PRESENT: _label_present,
    _P.LABEL_ABSENT: _label_absent,
    _P.ASSIGNEE_SET: _assignee_set,
    _P.BRANCH_PROTECTION: _flag(
        lambda s: s.branch_protected, "the protection of the base branch", "the base branch is not protected"
    ),
    _P.PR_MERGEABLE: _flag(
        lambda s: s.mergeable, "whether the pull request can be merged", "the pull request cannot be merged"
    ),
    _P.PR_NOT_DRAFT: _flag(
        lambda s: s.draft, "whether the pull request is a draft", "the pull request is a draft", wanted=False
    ),
    _P.ENVIRONMENT_APPROVED: _environment_approved,
}
