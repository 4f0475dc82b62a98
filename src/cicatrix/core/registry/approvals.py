"""Who approved the head of a pull request, and whether an approval rule is met (RG-5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cicatrix.core.actions import PERMISSION_ROLES, Role
from cicatrix.core.facts import Review
from cicatrix.core.registry.model import ApprovalRule
from cicatrix.core.registry.standing import Standing

_SILENT = frozenset({"COMMENTED", "PENDING"})
"""States that change nothing about what the person said before."""
_EARLY = datetime.min.replace(tzinfo=UTC)


def approvers(standing: Standing) -> frozenset[str] | None:
    """Logins (lower-case) whose latest review approves this very head, without the requester; None when not known.

    Approvals of older commits never count. Whether somebody's approval counts for anything is for the caller to ask.
    """
    if standing.reviews is None or standing.head_sha is None:
        return None
    approved = {
        login
        for login, review in latest_reviews(standing.reviews).items()
        if review.state.upper() == "APPROVED" and review.commit_sha == standing.head_sha
    }
    return frozenset(approved - {login_of(standing.requester)})


def writers(standing: Standing, logins: Iterable[str]) -> frozenset[str]:
    """Those of the logins that may write to the repository, as GitHub asks of an approval that counts."""
    roles = {login.lower(): role.lower() for login, role in standing.roles.items()}
    return frozenset(
        login for login in logins if PERMISSION_ROLES.get(roles.get(login, ""), Role.READER) >= Role.OPERATOR
    )


def objectors(standing: Standing) -> frozenset[str]:
    """Logins whose latest review asks for changes, on whatever commit: GitHub holds on to it until it is dismissed."""
    reviews = latest_reviews(standing.reviews or ())
    return frozenset(login for login, review in reviews.items() if review.state.upper() == "CHANGES_REQUESTED")


def latest_reviews(reviews: Iterable[Review]) -> dict[str, Review]:
    """The latest review of each person (lower-case login) that says something; of equally late ones, no approval.

    Comments and pending reviews say nothing. A state that we do not know says something, and is no approval. Reviews of
    accounts that are gone are nobody's.
    """
    found: dict[str, Review] = {}
    for review in reviews:
        login = login_of(review.login)
        if not login or review.state.upper() in _SILENT:
            continue
        if login not in found or _order(review) > _order(found[login]):
            found[login] = review
    return found


def needed_more(standing: Standing) -> int:
    """1 when it is not known who asks: one of the approvals may then be their own."""
    return 1 if standing.requester is None else 0


def rule_problem(rule: ApprovalRule, standing: Standing) -> str | None:
    """Why the rule is not met, with the figures; None when it is met or switched off."""
    if not rule.required:
        return None
    approved = approvers(standing)
    if approved is None:
        return "the reviews of the pull request's head are not known"
    eligible = _eligible(rule, standing, approved)
    least = rule.min_approvers + needed_more(standing)
    unknown = " (one more than the rule says, since who asks is not known)" if needed_more(standing) else ""
    if len(eligible) < least:
        return f"{len(eligible)} of {least} approvals{unknown} by {_whom(rule)} on the current head"
    if rule.require_code_owners:
        return _code_owner_problem(standing, eligible)
    return None


def _eligible(rule: ApprovalRule, standing: Standing, approved: frozenset[str]) -> frozenset[str]:
    if not (rule.approver_roles or rule.approver_teams or rule.approver_users):
        return writers(standing, approved)
    names = {role.lower() for role in rule.approver_roles}
    allowed = {user.lower() for user in rule.approver_users}
    allowed |= {login.lower() for login, role in standing.roles.items() if role.lower() in names}
    teams = {team.lower(): members for team, members in standing.teams.items()}
    for team in rule.approver_teams:
        allowed |= {login.lower() for login in teams.get(team.lower(), frozenset())}
    return approved & allowed


def _code_owner_problem(standing: Standing, eligible: frozenset[str]) -> str | None:
    if standing.code_owners is None:
        return "the code owners of the changed files are not known"
    owners = eligible & {login.lower() for login in standing.code_owners}
    if len(owners) < 1 + needed_more(standing):
        return f"{len(owners)} of {1 + needed_more(standing)} approvals by a code owner of the changed files"
    return None


def _whom(rule: ApprovalRule) -> str:
    """In words, who may approve."""
    parts = [
        f"{word} {', '.join(names)}"
        for word, names in (
            ("roles", rule.approver_roles),
            ("teams", rule.approver_teams),
            ("users", rule.approver_users),
        )
        if names
    ]
    return " or ".join(parts) or "people who may write to the repository"


def login_of(name: str | None) -> str:
    """The login in a name: `octocat`, or the ledger's `github:octocat@github.com`. GitHub ignores its case."""
    word = (name or "").strip().lower()
    return word.removeprefix("github:").partition("@")[0] if word.startswith("github:") else word


def _order(review: Review) -> tuple[datetime, bool]:
    at = review.submitted_at or _EARLY
    return (at if at.tzinfo else at.replace(tzinfo=UTC), review.state.upper() != "APPROVED")
