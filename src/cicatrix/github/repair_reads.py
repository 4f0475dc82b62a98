"""What remedy, validation and rollback read: pull requests by branch or commit, comments, rules, commits, artifacts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from cicatrix.core.facts import (
    Artifact,
    BranchProtection,
    BranchRule,
    Comment,
    Commit,
    Listing,
    PullRequest,
    WorkflowRun,
)
from cicatrix.github import fields, logs, names, repair_wire, wire
from cicatrix.github.credentials import PROTECTION, READ
from cicatrix.github.errors import Refused, Unanswered
from cicatrix.github.exchange import Ask
from cicatrix.github.paging import cut_at
from cicatrix.github.reads import PER_PAGE, Reads

_PAGE = {"per_page": str(PER_PAGE)}


class RepairReads(Reads):
    """Reads of what other writes than reruns are about; each is also where such a write is found again."""

    _resolver: logs.Resolver | None

    def pulls_of_head(self, owner: str, repo: str, branch: str) -> Listing[PullRequest]:
        """Every pull request from a branch of the repository itself, open or closed, the newest first.

        https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/pulls",
            path=f"{names.repository_path(owner, repo)}/pulls",
            query={"state": "all", "head": f"{owner}:{names.ref_name(branch)}", **_PAGE},
        )
        found = self._pulls(owner, repo, ask)
        if any(pull.head_ref != branch for pull in found.items):  # GitHub passes over a filter that it cannot read
            return Listing(found.items, "the host lists pull requests of other branches: it does not know the filter")
        return found

    def pulls_of_commit(self, owner: str, repo: str, sha: str) -> Listing[PullRequest]:
        """The pull requests that a commit belongs to: merged ones for a commit on the default branch.

        https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/commits/{commit_sha}/pulls",
            path=f"{names.repository_path(owner, repo)}/commits/{names.commit(sha)}/pulls",
            query=_PAGE,
        )
        return self._pulls(owner, repo, ask)

    def comments(self, owner: str, repo: str, number: int) -> Listing[Comment]:
        """Every comment of a pull request, the oldest first; remarks at lines of its files are none.

        https://docs.github.com/en/rest/issues/comments#list-issue-comments
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/issues/{issue_number}/comments",
            path=f"{names.repository_path(owner, repo)}/issues/{names.number(number, 'pull request number')}/comments",
            query=_PAGE,
        )
        return self._listing(owner, repo, ask, None, repair_wire.comment, key=lambda comment: comment.id)

    def branch_rules(self, owner: str, repo: str, branch: str) -> Listing[BranchRule]:
        """Every rule of an active ruleset that holds for a branch, also the organisation's; who may pass is not told.

        https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/rules/branches/{branch}",
            path=f"{names.repository_path(owner, repo)}/rules/branches/{names.branch(branch)}",
            query=_PAGE,
        )
        return self._listing(owner, repo, ask, None, repair_wire.branch_rule, key=repr)

    def protection(self, owner: str, repo: str, branch: str) -> BranchProtection | Literal["unknown"] | None:
        """The older protection of a branch; None where GitHub says that there is none, `unknown` where it will not say.

        It takes `administration: read`. Who lacks that gets a 403, a 404 without GitHub's words "Branch not
        protected", or for an App no token at all (422): all three are `unknown`, never "not protected".
        https://docs.github.com/en/rest/branches/branch-protection#get-branch-protection
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/branches/{branch}/protection",
            path=f"{names.repository_path(owner, repo)}/branches/{names.branch(branch)}/protection",
        )
        try:
            answer = self._exchanges.read(ask, self._tokens.for_repository(owner, repo, PROTECTION))
        except Refused as no:
            if no.status not in {403, 404, 422}:
                raise
            return None if no.status == 404 and "branch not protected" in no.message.lower() else "unknown"
        return self._parsed(ask, answer, repair_wire.protection)

    def commits(self, owner: str, repo: str, sha: str, limit: int) -> Listing[Commit]:
        """The newest `limit` commits that can be reached from a commit, itself first; fewer when history is shorter.

        The order is GitHub's, by date; follow the parents for the order that counts.
        https://docs.github.com/en/rest/commits/commits#list-commits
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/commits",
            path=f"{names.repository_path(owner, repo)}/commits",
            query={"sha": names.commit(sha), "per_page": str(min(limit, PER_PAGE))},
        )
        found = self._listing(owner, repo, ask, None, repair_wire.commit, key=lambda commit: commit.sha, limit=limit)
        if found.incomplete == cut_at(limit):  # which is what was asked for
            return Listing(found.items)
        return found

    def runs_since(self, owner: str, repo: str, event: str, since: datetime) -> Listing[WorkflowRun]:
        """Every run that an event made at `since` or later, by GitHub's clock; the newest first.

        https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
        """
        from_then = since.astimezone(UTC).replace(microsecond=0)
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/runs",
            path=f"{names.repository_path(owner, repo)}/actions/runs",
            query={"event": event, "created": f">={from_then:%Y-%m-%dT%H:%M:%SZ}", **_PAGE},
        )
        found = self._listing(owner, repo, ask, "workflow_runs", wire.workflow_run, key=lambda run: run.id)
        fitting = tuple(run for run in found.items if run.event == event and run.created_at >= from_then)
        return Listing(fitting, found.incomplete)

    def artifacts(self, owner: str, repo: str, run_id: str) -> Listing[Artifact]:
        """Every artifact of a run, of all its attempts.

        https://docs.github.com/en/rest/actions/artifacts#list-workflow-run-artifacts
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts",
            path=f"{names.repository_path(owner, repo)}/actions/runs/{names.number(run_id, 'run id')}/artifacts",
            query=_PAGE,
        )
        return self._listing(owner, repo, ask, "artifacts", repair_wire.artifact, key=lambda artifact: artifact.id)

    def artifact(self, owner: str, repo: str, artifact_id: str, *, limit: int) -> bytes:
        """The zip archive of an artifact, from its redirect; read it by `cicatrix.github.archives`.

        Fetched as a log is: one hop, only from an allowed host, without our token. `Refused` with 404 or 410 where
        there is none (any more), `Unanswered` when it is longer than `limit` bytes or cannot be fetched.
        https://docs.github.com/en/rest/actions/artifacts#download-an-artifact
        """
        place = f"actions/artifacts/{names.number(artifact_id, 'artifact id')}/zip"
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}",
            path=f"{names.repository_path(owner, repo)}/{place}",
            plain=True,
        )
        bearer = self._tokens.for_repository(owner, repo, READ)
        found = logs.fetch(self._exchanges, ask, bearer, resolver=self._resolver, collect=lambda: logs.Whole(limit))
        if found.missing is not None:
            raise Unanswered(f"{ask} was redirected", why=f"the archive cannot be fetched ({found.missing})")
        if found.truncated:
            raise Unanswered(f"{ask} was redirected", why=f"the archive is longer than {limit} bytes")
        return found.text

    def _pulls(self, owner: str, repo: str, ask: Ask) -> Listing[PullRequest]:
        def parse(tree: fields.Tree) -> PullRequest:
            return wire.pull_request(tree, host=self.host.name)

        return self._listing(owner, repo, ask, None, parse, key=lambda pull: pull.number)
