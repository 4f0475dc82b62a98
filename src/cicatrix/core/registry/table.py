"""Every field of a registry document: its form, its default and one sentence on it. The only place that lists them.

Validation, JSON Schema, canonical form and hash are all derived from this table (behaviour 5; seed 000, E83.1).
"""

from __future__ import annotations

from collections.abc import Mapping

from cicatrix.core.actions import ActionType
from cicatrix.core.lawbook.checks import Command
from cicatrix.core.lawbook.kinds import Choice, Flag, Form, Names, Text, Whole
from cicatrix.core.lawbook.records import Field
from cicatrix.core.registry.forms import Fields, Maybe, Only, Record, Several, Tagged
from cicatrix.core.registry.model import PreconditionType
from cicatrix.core.remedy.model import Risk

STATUSES = ("error", "failure", "neutral", "pending", "skipped", "success")
"""The words of `allowedStatuses`, and of the statuses that an evaluation is given."""

COMBINED = ("failure", "pending", "success")
"""What all checks of a commit together can be; see `evaluate`."""

_LINE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""One character of text on one line, and no half of a pair."""
_NOTE = Text(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]{0,2000}", "text of up to 2000 characters")
_NAME = Text(rf"(?=.*[^ ]){_LINE}{{1,200}}", "a name of 1..200 characters on one line")
_LOGIN = Text(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\[bot\])?", "a GitHub login such as octocat")
_TEAM = Text(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}", "a team such as my-org/my-team")
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?"
_MOMENT = Text(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[Tt ]{_TIME})?", "a date such as 2026-11-21 or 2026-11-21T10:00:00Z"
)
_VERSION = Text(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}", "a version such as 1.0.0")
_REPOSITORY = Text(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/(?!\.{1,2}(?![\s\S]))[A-Za-z0-9._-]{1,100}", "a repository such as acme/site"
)
_ID = Text(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}", "an id of up to 200 letters, digits and . _ : / -")

_NOTED: Fields = {"description": Field(_NOTE, "", about="For people.")}


def _precondition(type_: PreconditionType, value: Form, *, needed: bool, about: str) -> Fields:
    form = value if needed else Maybe(value)
    return {"type": Field(Only(type_.value), required=True), "value": Field(form, None, needed, about), **_NOTED}


_P = PreconditionType
_TRUE = Only(value=True)
PRECONDITIONS: Mapping[str, Fields] = {
    _P.CHECKS_PASSED: _precondition(_P.CHECKS_PASSED, _TRUE, needed=False, about="True, or left out."),
    _P.CHECKS_STATUS: _precondition(
        _P.CHECKS_STATUS, Choice(COMBINED), needed=True, about="What all checks of the head together must be."
    ),
    _P.REVIEW_APPROVED: _precondition(_P.REVIEW_APPROVED, _TRUE, needed=False, about="True, or left out."),
    _P.REVIEW_COUNT: _precondition(
        _P.REVIEW_COUNT, Whole(low=1, high=100), needed=True, about="People who must have approved the head."
    ),
    _P.LABEL_PRESENT: _precondition(_P.LABEL_PRESENT, _NAME, needed=True, about="A label, in any case."),
    _P.LABEL_ABSENT: _precondition(_P.LABEL_ABSENT, _NAME, needed=True, about="A label, in any case."),
    _P.ASSIGNEE_SET: _precondition(_P.ASSIGNEE_SET, _LOGIN, needed=False, about="A login; anybody when left out."),
    _P.BRANCH_PROTECTION: _precondition(_P.BRANCH_PROTECTION, _TRUE, needed=False, about="True, or left out."),
    _P.PR_MERGEABLE: _precondition(_P.PR_MERGEABLE, _TRUE, needed=False, about="True, or left out."),
    _P.PR_NOT_DRAFT: _precondition(_P.PR_NOT_DRAFT, _TRUE, needed=False, about="True, or left out."),
    _P.ENVIRONMENT_APPROVED: _precondition(
        _P.ENVIRONMENT_APPROVED,
        _NAME,
        needed=False,
        about="Name of a GitHub environment; every reviewed one when left out.",
    ),
}

APPROVAL_RULE: Fields = {
    "required": Field(Flag(), default=True, about="False switches this rule off."),
    "minApprovers": Field(Whole(low=1, high=100), 1, about="People whose latest review approves the current head."),
    "approverRoles": Field(
        Names(_NAME), (), about="GitHub role names, such as maintain. Each role by itself: admin is not in maintain."
    ),
    "approverTeams": Field(Names(_TEAM), (), about="Teams, such as my-org/my-team."),
    "approverUsers": Field(
        Names(_LOGIN),
        (),
        about="Logins. Who is in one of roles, teams and users counts; without any of the three, who may write.",
    ),
    "requireCodeOwners": Field(Flag(), default=False, about="One of the approvers must own changed files."),
    "dismissStaleReviews": Field(
        Flag(), default=False, about="Approvals of older commits never count here, also where this is false."
    ),
}

_OWN_ID = Text(r"own\.[a-z0-9][a-z0-9.-]{0,59}", "an id that begins with own., such as own.codegen")
_PATTERN = Text(
    r"(?!/)(?!(?:.*/)?\.\.(?:/|(?![\s\S])))[A-Za-z0-9._@+*/-]{1,200}",
    "a pattern inside the repository, such as src/**/*.ts",
)
REMEDY: Fields = {
    "id": Field(_OWN_ID, required=True, about="What remediation.allow of the lawbook lists."),
    "command": Field(Command(), required=True, about="Program and arguments; no shell reads them."),
    "risk": Field(Choice(tuple(map(str, Risk))), str(Risk.MEDIUM), about="One of high risk is named and never run."),
    "paths": Field(Names(_PATTERN), required=True, about="Files that it may change; ** spans folders."),
    "about": Field(_NOTE, "", about="For people."),
}

ALLOWED_ACTION: Fields = {
    "actionType": Field(Choice(tuple(map(str, ActionType))), required=True, about="What may be automated."),
    "enabled": Field(Flag(), default=True, about="False refuses the action."),
    "preconditions": Field(
        Several(Tagged("type", PRECONDITIONS), most=50), (), about="All must be met. What cannot be read is not met."
    ),
    "approvalRule": Field(
        Maybe(Record(APPROVAL_RULE)), None, about="Beside `approvalRules`, which binds every action."
    ),
    "maxRetries": Field(
        Whole(low=0, high=1_000), 0, about="Reruns of a job; 0 is none. Lawbook and hard cap bind too."
    ),
    "cooldownMinutes": Field(Whole(low=0, high=525_600), 0, about="Minutes from an allowed execution to the next."),
    "requireEvidence": Field(Flag(), default=True, about="True: without an evidence reference no action."),
    **_NOTED,
    "remedies": Field(Several(Record(REMEDY), most=50, by="id"), (), about="Own fixes; of apply_remediation alone."),
}
ADDED_LATER = frozenset({"remedies"})

REQUIRED_CHECK: Fields = {
    "name": Field(_NAME, required=True, about="The check's name, exactly."),
    "required": Field(Flag(), default=True, about="False: this check does not count for checks_passed."),
    "allowedStatuses": Field(Names(Choice(STATUSES)), ("success",), about="Statuses that count as passed."),
    **_NOTED,
}

_MERGE_METHOD = Choice(("merge", "rebase", "squash"))
_MERGE_POLICY: Fields = {
    "allowedMethods": Field(Names(_MERGE_METHOD), ("squash",)),
    "defaultMethod": Field(_MERGE_METHOD, "squash"),
    "requireLinearHistory": Field(Flag(), default=False),
    "requireUpToDateBranch": Field(Flag(), default=True),
    "autoMergeEnabled": Field(Flag(), default=False),
    "deleteBranchOnMerge": Field(Flag(), default=True),
}
_LABEL_MAPPING: Fields = {
    "name": Field(_NAME, required=True),
    "color": Field(Maybe(Text(r"#?[0-9A-Fa-f]{6}", "a colour of six hex digits")), None),
    **_NOTED,
    "semantic": Field(Maybe(_NAME), None),
}
_REVIEWER_MAPPING: Fields = {
    "type": Field(Choice(("team", "user")), required=True),
    "identifier": Field(_NAME, required=True),
    "role": Field(Maybe(_NAME), None),
}
_ENVIRONMENT: Fields = {
    "name": Field(_NAME, required=True),
    "requireApproval": Field(Flag(), default=False),
    "approvers": Field(Names(_NAME), ()),
    "protectionRules": Field(Names(_NAME), ()),
}

DOCUMENT: Fields = {
    "version": Field(_VERSION, required=True, about="Version of this document. Every content change is kept anyway."),
    "registryId": Field(_ID, required=True, about="Name of this document; one repository has it."),
    "repository": Field(_REPOSITORY, required=True, about="`owner/repo`, in any case."),
    "allowedActions": Field(
        Several(Record(ALLOWED_ACTION, later=ADDED_LATER), most=len(ActionType), by="actionType"),
        required=True,
        about="Each action once. What is not listed is refused while `failClosed` holds.",
    ),
    "requiredChecks": Field(
        Several(Record(REQUIRED_CHECK), most=200, by="name"), (), about="What the precondition checks_passed asks for."
    ),
    "approvalRules": Field(
        Maybe(Record(APPROVAL_RULE)), None, about="Binds every action, beside the action's own approvalRule."
    ),
    "mergePolicy": Field(Maybe(Record(_MERGE_POLICY)), None, about="Stored; Cicatrix merges nothing."),
    "labelMappings": Field(Several(Record(_LABEL_MAPPING), most=500, by="name"), (), about="Stored."),
    "reviewerMappings": Field(Several(Record(_REVIEWER_MAPPING), most=500), (), about="Stored."),
    "environments": Field(Several(Record(_ENVIRONMENT), most=100, by="name"), (), about="Stored."),
    "failClosed": Field(
        Flag(),
        default=True,
        about="False lets unlisted actions through in staging only, and none that writes to a branch.",
    ),
    "createdAt": Field(Maybe(_MOMENT), None, about="For people; the ledger knows when it was applied."),
    "createdBy": Field(Maybe(_NAME), None, about="For people; the ledger knows who applied it."),
    "updatedAt": Field(Maybe(_MOMENT), None, about="For people."),
    "updatedBy": Field(Maybe(_NAME), None, about="For people."),
    "notes": Field(_NOTE, "", about="For people."),
}
"""The whole document."""
