"""Reads what an evaluation of the registry looks at: only what the action's preconditions and approval rules ask for.

What GitHub does not let us see (403, 404, 422) is None, and whatever needs it is not met (RG-4). What GitHub does not
answer at all is raised, and so is a credential that it does not take (401): then nothing is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from cicatrix.core.actions import PERFORMED
from cicatrix.core.codeowners import PLACES, CodeOwners, counting, team_of
from cicatrix.core.facts import Branch, CheckRun, EnvironmentReview, Listing, PullRequest, Repository, Review
from cicatrix.core.registry.approvals import approvers, latest_reviews, needed_more, objectors, writers
from cicatrix.core.registry.model import AllowedAction, ApprovalRule, PreconditionType, Registry
from cicatrix.core.registry.standing import Standing
from cicatrix.core.remedy.model import Remedy
from cicatrix.core.remedy.own import own_remedies as remedies_of
from cicatrix.flows.context import Context
from cicatrix.github import Refused, Unanswered
from cicatrix.ledger import View

T = TypeVar("T")

PEOPLE_ASKED = 50
"""Reviewers whose role and teams are asked for, the latest first. The others' approval counts for nothing here."""

_P = PreconditionType
_CHECKS = frozenset({_P.CHECKS_PASSED, _P.CHECKS_STATUS})
_REVIEWS = frozenset({_P.REVIEW_APPROVED, _P.REVIEW_COUNT})

_CONCLUSIONS = {
    "success": "success",
    "neutral": "neutral",
    "skipped": "skipped",
    "failure": "failure",
    "timed_out": "failure",
    "startup_failure": "failure",
    "action_required": "pending",
}
"""A check run's conclusion in the registry's words; any other (cancelled, stale, one we do not know) is `error`."""


def read_standing(  # noqa: PLR0917  -- the agreed seam: the subject of an evaluation in the order in which it is known
    ctx: Context,
    config: AllowedAction | None,
    registry: Registry | None,
    owner: str,
    repository: str,
    pull: PullRequest | None,
    head_sha: str | None,
    requester: str | None,
    *,
    run_ids: tuple[str, ...] = (),
) -> Standing:
    """The facts for one action, read side by side.

    `pull` is the pull request that the action is about, as it was just read, None for a run without one; `head_sha`
    the commit. `requester` is the login of the person who asks, None when not known. The cooldown (`last_allowed`) and
    the evidence are not read here: the ledger and the diagnosis know them.

    `run_ids` are the runs that the action is about, here the red ones: GitHub tells the approval of an environment for
    a run and not for a repository. Without a run, or with one whose review history is not to be seen, no approval is
    known.

    Raises `NotSent`, `Deferred` or `Unanswered` when GitHub cannot be read, `Refused` when our credential is not taken
    or the repository is not to be seen.
    """
    needs = _Needs.of(config, registry)
    reader = _Reader(
        ctx=ctx, owner=owner, repository=repository, pull=pull, head_sha=head_sha, needs=needs, run_ids=run_ids
    )
    reader.read()
    pull = reader.pull
    base = pull.base if pull is not None else ctx.github.repository(owner, repository)
    standing = Standing(
        environment=ctx.deployment.environment,
        host=ctx.github.host.name,
        repository_id=base.id,
        full_name=base.full_name,
        now=ctx.now(),
        requester=requester,
        head_sha=head_sha,
        checks=reader.checks,
        reviews=reader.reviews,
        labels=pull.labels if pull else None,
        assignees=pull.assignees if pull else None,
        draft=pull.draft if pull else None,
        mergeable=pull.mergeable if pull else None,
        branch_protected=reader.branch.protected if reader.branch else None,
        environment_reviews=reader.environment_reviews,
    )
    if not needs.reviews or standing.reviews is None:
        return standing
    return _with_people(reader, standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needs:
    """What the preconditions and the approval rules ask for."""

    types: frozenset[PreconditionType]
    rules: tuple[ApprovalRule, ...]

    @classmethod
    def of(cls, config: AllowedAction | None, registry: Registry | None) -> _Needs:
        """Nothing for an action that is refused anyhow."""
        if config is not None and (not config.enabled or config.action_type not in PERFORMED):
            return cls(types=frozenset(), rules=())
        rules = (config.approval_rule if config else None, registry.approval_rules if registry else None)
        return cls(
            types=frozenset(p.type for p in config.preconditions) if config else frozenset(),
            rules=tuple(rule for rule in rules if rule is not None and rule.required),
        )

    @property
    def checks(self) -> bool:
        return bool(self.types & _CHECKS)

    @property
    def reviews(self) -> bool:
        return bool(self.rules or self.types & _REVIEWS)

    @property
    def code_owners(self) -> bool:
        return any(rule.require_code_owners for rule in self.rules)

    @property
    def branch(self) -> bool:
        return self.code_owners or _P.BRANCH_PROTECTION in self.types

    @property
    def teams(self) -> frozenset[str]:
        return frozenset(team for rule in self.rules for team in rule.approver_teams)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """What can be read at once. Each read fills its own field; None is: not asked for, or not to be seen."""

    ctx: Context
    owner: str
    repository: str
    pull: PullRequest | None
    head_sha: str | None
    needs: _Needs
    run_ids: tuple[str, ...]
    checks: tuple[tuple[str, str], ...] | None = None
    reviews: tuple[Review, ...] | None = None
    branch: Branch | None = None
    changed: tuple[str, ...] | None = None
    histories: dict[str, tuple[EnvironmentReview, ...] | None] = field(default_factory=dict)
    """Run id -> the review history of its deployments."""

    @property
    def environment_reviews(self) -> dict[str, tuple[EnvironmentReview, ...]] | None:
        """The histories of all runs, in the order asked for; None without a run, and when one is not known."""
        known = {run: found for run in self.run_ids if (found := self.histories.get(run)) is not None}
        return known if known and len(known) == len(set(self.run_ids)) else None

    def read(self) -> None:
        needs, reads = self.needs, list[Callable[[], None]]()
        if needs.checks and self.head_sha is not None:
            reads.append(self._read_checks)
        if _P.ENVIRONMENT_APPROVED in needs.types:
            reads += [self._history_of(run_id) for run_id in dict.fromkeys(self.run_ids)]
        if self.pull is not None:
            number, base_ref = self.pull.number, self.pull.base_ref
            if needs.reviews:
                reads.append(lambda: self._read_reviews(number))
            if needs.branch:
                reads.append(lambda: self._read_branch(base_ref))
            if needs.code_owners:
                reads.append(lambda: self._read_changed(number))
            if self.pull.mergeable is None and _P.PR_MERGEABLE in needs.types:
                reads.append(lambda: self._read_mergeable(number))
        self.ctx.gather(reads)

    def seen(self, read: Callable[[], T]) -> T | None:
        """What was read; None where GitHub does not let us see it."""
        try:
            return read()
        except Refused as no:
            if no.status == 401:
                raise
            return None

    def _read_checks(self) -> None:
        """Check runs and the older commit statuses: either may hold what a registry calls a check."""
        github, sha = self.ctx.github, self.head_sha or ""
        runs = self.seen(lambda: github.check_runs(self.owner, self.repository, sha))
        statuses = self.seen(lambda: github.statuses(self.owner, self.repository, sha))
        if runs is None or statuses is None or runs.incomplete or statuses.incomplete:
            return
        older = tuple((status.context, status.state) for status in statuses.items)
        self.checks = (*((check.name, status_word(check)) for check in runs.items), *older)

    def _history_of(self, run_id: str) -> Callable[[], None]:
        def read() -> None:
            github = self.ctx.github
            self.histories[run_id] = self.seen(lambda: github.run_approvals(self.owner, self.repository, run_id))

        return read

    def _read_reviews(self, number: int) -> None:
        self.reviews = _whole(self.seen(lambda: self.ctx.github.reviews(self.owner, self.repository, number)))

    def _read_branch(self, name: str) -> None:
        self.branch = self.seen(lambda: self.ctx.github.branch(self.owner, self.repository, name))

    def _read_changed(self, number: int) -> None:
        self.changed = _whole(self.seen(lambda: self.ctx.github.changed_files(self.owner, self.repository, number)))

    def _read_mergeable(self, number: int) -> None:
        """The first read of a pull request makes GitHub begin to find out; this one, some moments later, may know.

        https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request
        """
        again = self.seen(lambda: self.ctx.github.pull_request(self.owner, self.repository, number))
        if self.pull is not None and again is not None and again.head_sha == self.pull.head_sha:
            self.pull = replace(self.pull, mergeable=again.mergeable)


def status_word(check: CheckRun) -> str:
    """A check run in the words of `allowedStatuses`: success, pending, failure, error, neutral, skipped."""
    if check.status != "completed":
        return "pending"
    return _CONCLUSIONS.get(check.conclusion or "", "error")


def _whole(listing: Listing[T] | None) -> tuple[T, ...] | None:
    """The items of a listing that was read to its end, else None."""
    return None if listing is None or listing.incomplete else listing.items


def _with_people(reader: _Reader, standing: Standing) -> Standing:
    """The standing with the reviewers' roles and teams, and with those who own the changed files."""
    groups = _owner_groups(reader)
    people = _people(standing)
    approved = sorted((approvers(standing) or frozenset()) & set(people))
    named = {*reader.needs.teams, *(owner.removeprefix("@") for group in groups or () for owner in group)}
    teams = sorted({team.lower(): place for team in named if (place := team_of(team)) is not None}.items())
    found = reader.ctx.gather(
        [
            *(_role_of(reader, login) for login in people),
            *(_member_of(reader, team, place, login) for team, place in teams for login in approved),
        ]
    )
    members = {team: frozenset(login for what, login, _ in found if what == team) for team, _ in teams}
    roles = {login: role for what, login, role in found if what == _ROLE}
    known = replace(standing, roles=roles, teams=members)
    if groups is None:
        return known
    return replace(known, code_owners=_code_owners(known, groups, members))


_ROLE = ""
_Found = tuple[str, str, str]
"""What was asked (a team, or `_ROLE`), about whom, and the answer."""


def _role_of(reader: _Reader, login: str) -> Callable[[], _Found]:
    def read() -> _Found:
        role = reader.seen(lambda: reader.ctx.github.permission(reader.owner, reader.repository, login))
        return (_ROLE, login, role) if role is not None else _NOBODY

    return read


def _member_of(reader: _Reader, team: str, place: tuple[str, str], login: str) -> Callable[[], _Found]:
    def read() -> _Found:
        home = (reader.owner, reader.repository)
        member = reader.seen(lambda: reader.ctx.github.team_member(*place, login, reader=home))
        return (team, login, "") if member else _NOBODY

    return read


_NOBODY = ("nobody", "", "")


def _people(standing: Standing) -> list[str]:
    """Logins whose word counts: they approve the head, or object. The latest first."""
    latest = latest_reviews(standing.reviews or ())
    asked = (approvers(standing) or frozenset()) | objectors(standing)
    order = {review.login.lower(): place for place, review in enumerate(standing.reviews or ())}
    return sorted(asked & latest.keys(), key=lambda login: -order.get(login, 0))[:PEOPLE_ASKED]


def _owner_groups(reader: _Reader) -> tuple[tuple[str, ...], ...] | None:
    """The owners of each changed file by the CODEOWNERS file at the head of the base branch; None when not known."""
    if reader.branch is None or reader.changed is None:
        return None
    for path in PLACES:
        text = _file(reader, path, reader.branch.head_sha)
        if text is not None:
            return CodeOwners.parse(text.decode("utf-8", "replace")).groups(reader.changed)
    return None


def _file(reader: _Reader, path: str, sha: str) -> bytes | None:
    """The file; one that is there but cannot be used (a folder, a link, too large) owns nothing and ends the search."""
    try:
        return reader.seen(lambda: reader.ctx.github.file(reader.owner, reader.repository, path, sha))
    except Unanswered as wrong:
        if wrong.status == 200:
            return b""
        raise


def _code_owners(
    standing: Standing, groups: tuple[tuple[str, ...], ...], members: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """The logins of which one has to have approved, so that each changed file that has owners is approved by one.

    As at GitHub, only an owner who may write counts. An address names nobody.
    """
    resolved = []
    for group in groups:
        logins = {owner.removeprefix("@").lower() for owner in group if owner.startswith("@") and "/" not in owner}
        logins |= {login for owner in group for login in members.get(owner.removeprefix("@").lower(), ())}
        resolved.append(frozenset(logins))
    approved = writers(standing, approvers(standing) or frozenset())
    return counting(resolved, approved, 1 + needed_more(standing))


def own_remedies(view: View, home: Repository) -> tuple[Remedy, ...]:
    """The fixes that the repository's active registry brings along."""
    active = view.active_registry(home.host, home.id)
    return remedies_of(active.registry if active else None)
