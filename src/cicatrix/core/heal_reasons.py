"""Why a gate, remedy, dispatch, validation or rollback does not go on: a second closed list of codes.

Stored for ever: add, never rename. What can stop any write stands in `cicatrix.core.reasons` (kill switch, registry,
lawbook, approval, head moved, ...) and is used here too. The order is the order of precedence. `docs/reasons.md` is
generated from both lists.
"""

from __future__ import annotations

from enum import StrEnum

from cicatrix.core.reasons import Action, Page


class HealReason(StrEnum):
    # what is known
    HEALTH_UNKNOWN = "health_unknown"
    DATA_TOO_OLD = "data_too_old"
    CAUSE_UNKNOWN = "cause_unknown"
    ENVIRONMENT_SIGNAL = "environment_signal"
    NOT_REPRODUCED = "not_reproduced"
    BASE_NOT_HEALTHY = "base_not_healthy"
    HEALTH_ABOVE_THRESHOLD = "health_above_threshold"
    REPORT_ONLY = "report_only"
    OPTED_OUT = "opted_out"
    # what the repository looks like
    GIT_UNSAFE = "git_unsafe"
    SHALLOW_CLONE = "shallow_clone"
    DIRTY_TREE = "dirty_tree"
    DETACHED_REF = "detached_ref"
    TIP_MOVED = "tip_moved"
    TARGET_NOT_REACHABLE = "target_not_reachable"
    ROOT_COMMIT = "root_commit"
    OCTOPUS_MERGE = "octopus_merge"
    TARGET_TOO_OLD = "target_too_old"
    TARGET_IS_REVERT = "target_is_revert"
    ALREADY_REVERTED = "already_reverted"
    MERGED_DEPENDANTS = "merged_dependants"
    REVERT_CONFLICT = "revert_conflict"
    WRONG_TREE = "wrong_tree"
    BRANCH_EXISTS = "branch_exists"
    PUSH_REJECTED = "push_rejected"
    WORKFLOWS_PERMISSION = "workflows_permission"
    BRANCH_PROTECTED = "branch_protected"
    DIRECT_PUSH_NOT_GRANTED = "direct_push_not_granted"
    # what is left
    ROLLBACK_LIMIT = "rollback_limit"
    SECOND_ROLLBACK = "second_rollback"
    REF_LEASED = "ref_leased"
    DISPATCH_LIMIT = "dispatch_limit"
    # credentials and answers
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_INVALID = "credential_invalid"
    PERMISSION_MISSING = "permission_missing"
    NOT_FOUND_OR_NO_ACCESS = "not_found_or_no_access"
    PAYLOAD_INVALID = "payload_invalid"
    NO_REPORT = "no_report"
    REPORT_REFUSED = "report_refused"
    # fixes
    REMEDY_NOT_ALLOWED = "remedy_not_allowed"
    HIGH_RISK = "high_risk"
    TOOL_MISSING = "tool_missing"
    REMEDY_FAILED = "remedy_failed"
    NOTHING_TO_FIX = "nothing_to_fix"
    DIFF_TOO_LARGE = "diff_too_large"
    UNEXPECTED_PATH = "unexpected_path"
    NEW_DEPENDENCY = "new_dependency"
    MAJOR_UPGRADE = "major_upgrade"
    CODE_NOT_RUN_HERE = "code_not_run_here"
    NOT_IMPROVED = "not_improved"

    @property
    def page(self) -> Page:
        return HEAL_PAGES[self]

    @property
    def action(self) -> Action:
        return HEAL_PAGES[self].action


_B, _S = Action.BLOCKED, Action.SKIP

HEAL_PAGES: dict[HealReason, Page] = {
    HealReason.HEALTH_UNKNOWN: Page(
        _B,
        "Something that health needs was not measured. Unknown is neither zero nor green: nobody acts on it.",
        "The check that the message names, in `cicatrix gate`: its tool, its timeout, its report.",
        "A measurement in which that check gives a result.",
    ),
    HealReason.DATA_TOO_OLD: Page(
        _B,
        "What is known of the branch's tip is older than 15 minutes. The world may have changed since.",
        "The time in the message.",
        "Measuring the tip again.",
    ),
    HealReason.CAUSE_UNKNOWN: Page(
        _B,
        "No commit is proven to have broken the failed jobs. A red branch alone accuses nobody.",
        "The message, which says what is missing: a green commit below, a second red signal, one cause, not many.",
        "Measurements that prove it, or a person who names the commit: `cicatrix rollback SHA` proposes a draft.",
    ),
    HealReason.ENVIRONMENT_SIGNAL: Page(
        _B,
        "The cause lies outside the repository: an outage, a runner, an advisory, a secret. Reverting mends nothing.",
        "The commit that used to be green: it is red now too, though nobody changed it.",
        "The outage's end. If a commit is to blame all the same, measurements after it will say so.",
    ),
    HealReason.NOT_REPRODUCED: Page(
        _B,
        "The failure does not come back on the same commit, or the job comes and goes too often to prove anything.",
        "The red and green signals of the job on that commit.",
        "The failure staying red on one commit in independent runs.",
    ),
    HealReason.BASE_NOT_HEALTHY: Page(
        _B,
        "No earlier commit is known on which the failed jobs are green: there is nothing healthy to go back to.",
        "The oldest commit that was measured.",
        "A green measurement of an earlier commit, or mending it forward.",
    ),
    HealReason.HEALTH_ABOVE_THRESHOLD: Page(
        _S,
        "Health is not below `rollback.healthBelow`, or CI is ready: this is no emergency.",
        "Health and readiness in the message.",
        "Nothing needs to. A draft revert of a proven culprit is proposed all the same; a direct push waits for this.",
    ),
    HealReason.REPORT_ONLY: Page(
        _S,
        "Report-only: the plan is made and told, and nothing is written anywhere.",
        "`--report-only`, and `rollback.upTo` in the lawbook.",
        "Asking without --report-only, with `rollback.upTo` beyond report.",
    ),
    HealReason.OPTED_OUT: Page(
        _B,
        "Somebody asked not to roll this back: by a label, or by the trailer `Cicatrix-Rollback: never`.",
        "The label or the commit message.",
        "Taking the label off. A trailer stays: a person reverts by hand.",
    ),
    HealReason.GIT_UNSAFE: Page(
        _B,
        "Git on this machine does not behave as the work needs: it runs hooks, or merges by itself, or is too old.",
        "The behaviour that the message names, and `git --version`.",
        "A git that passes the check at start.",
    ),
    HealReason.SHALLOW_CLONE: Page(
        _B,
        "The clone is shallow. A revert there can end well and delete every file, because a parent is missing.",
        "`git rev-parse --is-shallow-repository`; actions/checkout takes one commit unless told otherwise.",
        "The whole history: `fetch-depth: 0`, or `git fetch --unshallow`.",
    ),
    HealReason.DIRTY_TREE: Page(
        _B,
        "The working tree has changes that are not committed.",
        "`git status`.",
        "Committing or putting them away.",
    ),
    HealReason.DETACHED_REF: Page(
        _B,
        "HEAD is detached: no branch says where the commit would go.",
        "`git branch --show-current`, which prints nothing.",
        "Checking out the branch.",
    ),
    HealReason.TIP_MOVED: Page(
        _B,
        "The branch's tip is not the commit that was judged: somebody pushed meanwhile.",
        "Both commits in the message.",
        "Deciding again on the new tip; that happens by itself, three times at most.",
    ),
    HealReason.TARGET_NOT_REACHABLE: Page(
        _B,
        "The branch does not contain the commit on its first-parent line.",
        "`git log --first-parent` of the branch.",
        "Naming a commit of that line. Of a merged branch that is the merge.",
    ),
    HealReason.ROOT_COMMIT: Page(
        _B,
        "The commit is the repository's first: reverting it would leave nothing.",
        "The commit.",
        "Nothing: it is never reverted.",
    ),
    HealReason.OCTOPUS_MERGE: Page(
        _B,
        "The commit merges more than two lines. Which state to go back to is not a machine's question.",
        "The commit's parents.",
        "A person reverting it by hand.",
    ),
    HealReason.TARGET_TOO_OLD: Page(
        _B,
        "The commit is older than `rollback.maxTargetAge`: much may rest on it by now.",
        "The commit's date in the message.",
        "A person reverting it, or another `rollback.maxTargetAge`.",
    ),
    HealReason.TARGET_IS_REVERT: Page(
        _B,
        "The commit is a revert itself. Reverting it brings back what somebody took out.",
        "The commit that it reverts.",
        "A person doing it by hand, in the knowledge of both.",
    ),
    HealReason.ALREADY_REVERTED: Page(
        _S,
        "The commit is reverted already, or reverting it changes nothing.",
        "The commit in the message that reverts it.",
        "Nothing needs to.",
    ),
    HealReason.MERGED_DEPENDANTS: Page(
        _B,
        "Later commits changed the same files. Reverting below them could take their work with it.",
        "The commits in the message.",
        "A person reverting them in their order, or mending it forward.",
    ),
    HealReason.REVERT_CONFLICT: Page(
        _B,
        "The revert conflicts with what came later. Conflicts are never resolved by the machine.",
        "The paths in the message.",
        "A person reverting by hand.",
    ),
    HealReason.WRONG_TREE: Page(
        _B,
        "The revert did not give exactly the reversed change. It was thrown away before anything left this machine.",
        "The message; attributes, drivers and submodules of the repository.",
        "A person reverting by hand. Please report it: this should not happen.",
    ),
    HealReason.BRANCH_EXISTS: Page(
        _B,
        "The branch that we would make exists already with other commits. It is never overwritten.",
        "The branch in the message.",
        "A person deleting or merging it.",
    ),
    HealReason.PUSH_REJECTED: Page(
        _B,
        "The remote rejected the push three times, because somebody else was faster each time.",
        "Who pushes to the branch.",
        "A quieter moment; nothing was overwritten.",
    ),
    HealReason.WORKFLOWS_PERMISSION: Page(
        _B,
        "The commit changes files below `.github/workflows/`, and our credential may not push those.",
        "The credential's permissions: `cicatrix doctor`, docs/tokens.md.",
        "The permission `workflows: write` for the App or token.",
    ),
    HealReason.BRANCH_PROTECTED: Page(
        _B,
        "Branch protection or a ruleset forbids the push. It is never bypassed.",
        "The branch's rules at GitHub.",
        "Delivering by draft pull request, which is the default.",
    ),
    HealReason.DIRECT_PUSH_NOT_GRANTED: Page(
        _B,
        "Pushing to the branch itself is a right of its own that is not granted. A draft pull request is made instead.",
        "`rollback.deliver`, `rollback.directPush` and `rollback.upTo` in the lawbook, and the registry.",
        "All of them granting it for this branch. A draft needs none of them.",
    ),
    HealReason.ROLLBACK_LIMIT: Page(
        _B,
        "The rollbacks of the last 24 hours are used up.",
        "`rollback.createPerDay` and `rollback.mergePerDay`, with the figures in the message.",
        "Time, or a higher limit. Many rollbacks in one day are a matter for a person.",
    ),
    HealReason.SECOND_ROLLBACK: Page(
        _B,
        "This commit was rolled back by the machine in the last 24 hours. A second time is a person's decision.",
        "What became of the first: `cicatrix explain`.",
        "A person's own request, or time.",
    ),
    HealReason.REF_LEASED: Page(
        _B,
        "Another case works on this branch right now. Two never do at once.",
        "The case in the message.",
        "Its end.",
    ),
    HealReason.DISPATCH_LIMIT: Page(
        _B,
        "The validations of this commit or case are used up.",
        "`dispatch.perCommit` and `dispatch.perCase`, with the figures in the message.",
        "A new commit. A person may start the workflow by hand at any time.",
    ),
    HealReason.CREDENTIAL_MISSING: Page(
        _B,
        "There is no credential for the write: no App, no GITHUB_TOKEN, no CI_REDISPATCH_TOKEN.",
        "docs/tokens.md, which sets one up step by step; `cicatrix doctor`.",
        "A credential with the permission that docs/tokens.md names for the operation.",
    ),
    HealReason.CREDENTIAL_INVALID: Page(
        _B,
        "GitHub answered 401: the credential is wrong, revoked or has expired.",
        "`cicatrix doctor`, which shows expiry; docs/tokens.md.",
        "A new credential. The next one in order is tried by itself.",
    ),
    HealReason.PERMISSION_MISSING: Page(
        _B,
        "GitHub answered 403: the credential is good and lacks a permission.",
        "The permission in the message, and the table in docs/tokens.md.",
        "Granting it: `contents: write` for repository_dispatch, `actions: write` for workflow_dispatch.",
    ),
    HealReason.NOT_FOUND_OR_NO_ACCESS: Page(
        _B,
        "GitHub answered 404: the repository or workflow does not exist, or the credential may not see it.",
        "Its name, and where the App is installed or what the token was made for.",
        "Access for the credential, or the right name.",
    ),
    HealReason.PAYLOAD_INVALID: Page(
        _B,
        "The dispatch's payload has not the agreed shape, or GitHub answered 422.",
        "The field in the message.",
        "A payload as docs/validation.md describes it.",
    ),
    HealReason.NO_REPORT: Page(
        _B,
        "No validation report came by the deadline. The run never started, never ended, or could not say so.",
        "The workflow's runs, whose names hold the operation's id; `dispatch.deadline`.",
        "A person looking: nothing is dispatched again before that.",
    ),
    HealReason.REPORT_REFUSED: Page(
        _B,
        "A validation report came and is not believed: wrong signature, other commit, other checks or other operation.",
        "The sentences in the message; CICATRIX_REPORT_KEY on both sides.",
        "A report of this very dispatch, signed with the shared key.",
    ),
    HealReason.REMEDY_NOT_ALLOWED: Page(
        _B,
        "The fix is not listed in `remediation.allow`, or the registry does not allow it. Only listed ones run.",
        "`remediation.allow` in the lawbook; `cicatrix registry show`.",
        "Listing the fix's id.",
    ),
    HealReason.HIGH_RISK: Page(
        _B,
        "The fix is of high risk: it is described to a person and never run.",
        "The fix's risk class and undo note.",
        "A person running it.",
    ),
    HealReason.TOOL_MISSING: Page(
        _B,
        "The program that the check or fix needs is not installed here.",
        "The program in the message, and PATH.",
        "Installing it where the checks run.",
    ),
    HealReason.REMEDY_FAILED: Page(
        _B,
        "The fix's own command failed or ran out of time. Its worktree was thrown away.",
        "Exit code and last lines in the message.",
        "The command working on this commit.",
    ),
    HealReason.NOTHING_TO_FIX: Page(
        _S,
        "The fixes changed no file. There is nothing to propose.",
        "What the checks found.",
        "A finding that one of the allowed fixes mends.",
    ),
    HealReason.DIFF_TOO_LARGE: Page(
        _B,
        "The fix changed more files or lines than the lawbook allows.",
        "`remediation.maxFiles` and `remediation.maxLines`, with the figures in the message.",
        "A smaller change, or a higher limit.",
    ),
    HealReason.UNEXPECTED_PATH: Page(
        _B,
        "The fix changed a file that it has no business with. Everything it did was thrown away.",
        "The path in the message, and the paths that the fix declares.",
        "The fix keeping to its paths.",
    ),
    HealReason.NEW_DEPENDENCY: Page(
        _B,
        "The change would add a direct dependency. Which code is taken in is a person's decision.",
        "The name in the message.",
        "A person adding it.",
    ),
    HealReason.MAJOR_UPGRADE: Page(
        _B,
        "The change raises a dependency to another major version.",
        "Both versions in the message.",
        "An approval.",
    ),
    HealReason.CODE_NOT_RUN_HERE: Page(
        _B,
        "The fix would run the repository's own code, and this place holds credentials that such code must not see.",
        "Where it was asked for: service, worker or runner.",
        "Running it in the shipped workflow, whose job has no secrets.",
    ),
    HealReason.NOT_IMPROVED: Page(
        _B,
        "Measured again, the change does not improve health, or makes it worse.",
        "Health before and after in the message.",
        "A change that does.",
    ),
}
