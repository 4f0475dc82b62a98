"""The 27 action types of the registry (seed 000, E83.1; two are ours), and the role that each asks for."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Role(IntEnum):
    """What a caller may do; each holds the rights of those below it."""

    READER = 1
    """Reads: decisions, operations, cases, attempts, audit, ledger, triage."""
    OPERATOR = 2
    """Rerun, dry run."""
    HEALER = 3
    """Heal, dispatch, propose a rollback."""
    ADMIN = 4
    """Registry, lawbook, keys, kill switch."""

    @property
    def word(self) -> str:
        return self.name.lower()


def role_of(word: str) -> Role | None:
    """The role of that name, in any case; None for a word that names none."""
    return Role.__members__.get(word.strip().upper())


PERMISSION_ROLES = {
    "read": Role.READER,
    "triage": Role.READER,
    "write": Role.OPERATOR,
    "maintain": Role.HEALER,
    "admin": Role.ADMIN,
}
"""GitHub's role names (`role_name`, https://docs.github.com/en/rest/collaborators/collaborators). Others: no role."""


class ActionType(StrEnum):
    """What may be automated in a repository."""

    ASSIGN_ISSUE = "assign_issue"
    ASSIGN_COPILOT = "assign_copilot"
    UNASSIGN_ISSUE = "unassign_issue"
    ADD_LABEL = "add_label"
    REMOVE_LABEL = "remove_label"
    CLOSE_ISSUE = "close_issue"
    REOPEN_ISSUE = "reopen_issue"
    ADD_COMMENT = "add_comment"
    CREATE_PR = "create_pr"
    UPDATE_PR = "update_pr"
    ASSIGN_PR = "assign_pr"
    REQUEST_REVIEW = "request_review"
    APPROVE_PR = "approve_pr"
    MERGE_PR = "merge_pr"
    CLOSE_PR = "close_pr"
    REOPEN_PR = "reopen_pr"
    RERUN_CHECKS = "rerun_checks"
    """Every job of a run again: the mode ALL_JOBS."""
    RERUN_FAILED_JOBS = "rerun_failed_jobs"
    WAIT_FOR_CHECKS = "wait_for_checks"
    CLEANUP_BRANCH = "cleanup_branch"
    CREATE_BRANCH = "create_branch"
    DELETE_BRANCH = "delete_branch"
    DISPATCH_WORKFLOW = "dispatch_workflow"
    COLLECT_ARTIFACTS = "collect_artifacts"
    COLLECT_SUMMARY = "collect_summary"
    """Triage: reading checks and telling what failed."""
    APPLY_REMEDIATION = "apply_remediation"
    ROLLBACK = "rollback"


A = ActionType

ROLE_FOR_ACTION = {
    A.COLLECT_SUMMARY: Role.READER,
    A.RERUN_FAILED_JOBS: Role.OPERATOR,
    A.RERUN_CHECKS: Role.OPERATOR,
    A.ADD_LABEL: Role.OPERATOR,
    A.ADD_COMMENT: Role.OPERATOR,
    A.DISPATCH_WORKFLOW: Role.HEALER,
    A.APPLY_REMEDIATION: Role.HEALER,
    A.CREATE_PR: Role.HEALER,
    A.ROLLBACK: Role.HEALER,
}
"""The actions that Cicatrix performs, and the role that each asks for. The other types are stored, never performed."""

PERFORMED = frozenset(ROLE_FOR_ACTION)

WRITES_TO_A_BRANCH = frozenset(
    {
        A.APPROVE_PR,
        A.MERGE_PR,
        A.UPDATE_PR,
        A.CREATE_PR,
        A.CLEANUP_BRANCH,
        A.CREATE_BRANCH,
        A.DELETE_BRANCH,
        A.DISPATCH_WORKFLOW,
        A.APPLY_REMEDIATION,
        A.ROLLBACK,
    }
)
"""Actions that write to a branch, or start something that may: they need a registry in every environment (AP-6)."""
