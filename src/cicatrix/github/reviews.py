"""What a registry looks at beside the pull request: reviews, changed files, base branch, statuses, run approvals."""

from __future__ import annotations

from cicatrix.core.facts import Branch, CommitStatus, EnvironmentReview, Listing, Review
from cicatrix.github import names, wire
from cicatrix.github.credentials import STATUSES
from cicatrix.github.errors import Refused
from cicatrix.github.exchange import Ask
from cicatrix.github.reads import PER_PAGE, Reads

CHANGED_FILES = 3000
"""GitHub lists no more files of a pull request (https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files)."""


class ReviewReads(Reads):
    """Reads for an evaluation."""

    def reviews(self, owner: str, repo: str, number: int) -> Listing[Review]:
        """Every review of a pull request, the oldest first.

        https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
            path=f"{self._pull(owner, repo, number)}/reviews",
            query={"per_page": str(PER_PAGE)},
        )
        found = self._listing(owner, repo, ask, None, wire.review, key=lambda pair: pair[0])
        return Listing(tuple(review for _, review in found.items), found.incomplete)

    def changed_files(self, owner: str, repo: str, number: int) -> Listing[str]:
        """The files that a pull request changes, also the former names of renamed ones; incomplete from 3,000 on.

        https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/pulls/{pull_number}/files",
            path=f"{self._pull(owner, repo, number)}/files",
            query={"per_page": str(PER_PAGE)},
        )
        found = self._listing(
            owner, repo, ask, None, wire.changed_files, key=lambda changed: changed[0], limit=CHANGED_FILES
        )
        incomplete = found.incomplete
        if incomplete is None and len(found.items) >= CHANGED_FILES:
            incomplete = f"GitHub lists {CHANGED_FILES} changed files at most, so there may be more"
        return Listing(tuple(dict.fromkeys(name for changed in found.items for name in changed)), incomplete)

    def branch(self, owner: str, repo: str, name: str) -> Branch | None:
        """A branch by its name (never a tag of that name); None when there is none.

        https://docs.github.com/en/rest/branches/branches#get-a-branch
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/branches/{branch}",
            path=f"{names.repository_path(owner, repo)}/branches/{names.branch(name)}",
        )
        try:
            return self._about(owner, repo, ask, wire.branch)
        except Refused as no:
            if no.status != 404:
                raise
            return None

    def branch_protected(self, owner: str, repo: str, branch: str) -> bool | None:
        """Whether a branch is protected; None when there is no such branch or GitHub did not say.

        Of rulesets (https://docs.github.com/en/rest/repos/rules) it tells only what GitHub folds into `protected`.
        """
        found = self.branch(owner, repo, branch)
        return None if found is None else found.protected

    def statuses(self, owner: str, repo: str, sha: str) -> Listing[CommitStatus]:
        """The latest commit status of each context of a commit.

        An App needs the permission `statuses: read`, which nothing else of ours asks for; without it GitHub refuses.
        https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/commits/{ref}/status",
            path=f"{names.repository_path(owner, repo)}/commits/{names.commit(sha)}/status",
            query={"per_page": str(PER_PAGE)},
        )
        return self._listing(
            owner, repo, ask, "statuses", wire.commit_status, key=lambda s: s.context, permissions=STATUSES
        )

    def run_approvals(self, owner: str, repo: str, run_id: str) -> tuple[EnvironmentReview, ...]:
        """The review history of a run's deployments, in GitHub's order, which no page of GitHub's tells.

        One answer holds all of it: the endpoint has no pages. It needs `actions: read`, as the run itself does.
        https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/runs/{run_id}/approvals",
            path=f"{names.repository_path(owner, repo)}/actions/runs/{names.number(run_id, 'run id')}/approvals",
        )
        answer = self._read(owner, repo, ask)
        return self._value(ask, answer, lambda: wire.items(answer.tree, None, wire.environment_review)[0])

    def _pull(self, owner: str, repo: str, number: int) -> str:
        return f"{names.repository_path(owner, repo)}/pulls/{names.number(number, 'pull request number')}"
