"""The calls that Cicatrix makes, each with GitHub's page. Answers are values of `cicatrix.core.facts`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx

from cicatrix.core.facts import CheckRun, Identity, Job, JobLog, Listing, PullRequest, Repository, WorkflowRun
from cicatrix.github import fields, logs, names, wire
from cicatrix.github.callers import CallerReads
from cicatrix.github.credentials import CONTENTS, READ, WORKFLOWS, AppCredentials, Credentials, Secret
from cicatrix.github.errors import NotSent, Refused, Unanswered
from cicatrix.github.exchange import Ask, Exchange, Exchanges, Sent
from cicatrix.github.files import Files, content_of
from cicatrix.github.host import Host
from cicatrix.github.reads import PER_PAGE
from cicatrix.github.repair_reads import RepairReads
from cicatrix.github.reviews import ReviewReads
from cicatrix.github.table import BOUNDS, Bounds
from cicatrix.github.tokens import Tokens
from cicatrix.github.writes import Writes

NEWER_RUNS = 30
"""Size of the one page of newer runs; GitHub lists the newest first."""


def _nothing(_: str) -> None:
    """The boundary of everyday life: it lets everything pass."""


class GitHub(ReviewReads, CallerReads, RepairReads, Writes):
    """GitHub at one host, as one identity. Safe for several threads at once.

    Every read may raise `NotSent`, `Refused`, `Deferred` or `Unanswered` (nothing changed in any case). Every write is
    sent once and needs the `Receipt` of its recorded intent; its errors say whether it took effect.

    `now` gives the time in UTC, `sleep` takes seconds, `jitter` gives a random number in 0..1, `monotonic` seconds for
    deadlines. `boundary` is called with `github.post.before` and `github.post.after` around each write, `on_exchange`
    after each request. `may_write` is asked with the operation's id right before the bytes of a write would leave, when
    its token is there: a text (why writes are stopped) raises `NotSent`, and nothing leaves; it must not raise. Names
    of log hosts are resolved by `resolver`; with a `transport` of one's own they are left to it unless a resolver is
    given too.
    """

    def __init__(
        self,
        host: Host,
        credentials: Credentials | None,
        *,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
        boundary: Callable[[str], None] = _nothing,
        may_write: Callable[[str], str | None] = lambda _operation_id: None,
        on_exchange: Callable[[Exchange], None] | None = None,
        max_concurrent: int = 16,
        monotonic: Callable[[], float] = time.monotonic,
        resolver: logs.Resolver | None = None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self.host = host
        self._credentials = credentials
        self._exchanges = Exchanges(
            host,
            transport=transport,
            now=now,
            sleep=sleep,
            jitter=jitter,
            monotonic=monotonic,
            boundary=boundary,
            may_write=may_write,
            on_exchange=on_exchange,
            max_concurrent=max_concurrent,
            bounds=bounds,
        )
        self._tokens = Tokens(self._exchanges, credentials)
        self._resolver = resolver or (logs.resolve if transport is None else None)
        self._files = Files()

    def __repr__(self) -> str:
        return f"GitHub({self.host.name!r}, {self._credentials!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._exchanges.close()

    @property
    def requests(self) -> tuple[Sent, ...]:
        """The requests sent so far, in order, as (method, path template); the hop to a log is `(log)`."""
        return tuple(self._exchanges.requests)

    def clone_url(self, owner: str, repo: str) -> str:
        """Where git reaches a repository; http at a loopback address only. Raises `NotSent` for any other place.

        https://docs.github.com/en/get-started/git-basics/about-remote-repositories#cloning-with-https-urls
        """
        path = names.repository_path(owner, repo).removeprefix("/repos")
        if not self.host.may_clone:
            raise NotSent(
                f"{self.host.web_url} is no place to clone from",
                why="git is given our token, so the host must be reached by https",
                next_step="Correct the host's web URL; http is for a simulated GitHub on this machine only.",
            )
        return f"{self.host.web_url}{path}.git"

    def push_token(self, owner: str, repo: str, *, workflows: bool) -> Secret | None:
        """A token for one repository that may push, also to workflow files where `workflows` says so; None without any.

        An App's is narrowed to `contents: write` (and `workflows: write`); another credential is what it is.
        https://docs.github.com/en/apps/creating-github-apps/registering-a-github-app/choosing-permissions-for-a-github-app#choosing-permissions-for-git-access
        """
        if self._credentials is None:
            return None
        return self._tokens.for_repository(owner, repo, WORKFLOWS if workflows else CONTENTS).token()

    def token_expiry(self) -> datetime | None:
        """When our personal token ends, as the last answer that told it said; None where none did (yet).

        https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation
        """
        return fields.spoken_moment(self._exchanges.token_expiry)

    def identity(self, owner: str = "", repo: str = "") -> Identity:
        """Who our writes will be made by, as `triggering_actor` will name it.

        An App acts as `<slug>[bot]`, whose user id is not the App's, so `id` is None and the login is what to compare.
        https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app,
        https://docs.github.com/en/rest/users/users#get-the-authenticated-user. GITHUB_TOKEN can read neither:
        https://docs.github.com/en/actions/concepts/security/github_token.
        """
        del owner, repo  # which repository makes no difference so far; the App's bot is the same in all
        given = self._credentials
        if isinstance(given, AppCredentials):
            ask = Ask(template="/app", path="/app")
            return self._ask(ask, self._tokens.for_app(), _app)
        if given is not None and given.kind == "actions":
            return Identity(id=None, login="github-actions[bot]", kind="actions")
        ask = Ask(template="/user", path="/user")
        return self._ask(ask, self._tokens.for_app(), _user)

    def repository(self, owner: str, repo: str) -> Repository:
        """https://docs.github.com/en/rest/repos/repos#get-a-repository"""
        ask = Ask(template="/repos/{owner}/{repo}", path=names.repository_path(owner, repo))
        return self._about(owner, repo, ask, lambda tree: wire.repository(tree, host=self.host.name))

    def pull_request(self, owner: str, repo: str, number: int) -> PullRequest:
        """https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request"""
        ask = Ask(
            template="/repos/{owner}/{repo}/pulls/{pull_number}",
            path=f"{names.repository_path(owner, repo)}/pulls/{names.number(number, 'pull request number')}",
        )
        found = self._about(owner, repo, ask, lambda tree: wire.pull_request(tree, host=self.host.name))
        if found.number != number:
            raise Unanswered(f"{ask} was answered", why=f"the answer is about pull request {found.number}")
        return found

    def run(self, owner: str, repo: str, run_id: str) -> WorkflowRun:
        """https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run"""
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/runs/{run_id}",
            path=f"{names.repository_path(owner, repo)}/actions/runs/{names.number(run_id, 'run id')}",
        )
        found = self._about(owner, repo, ask, wire.workflow_run)
        if found.id != str(run_id):
            raise Unanswered(f"{ask} was answered", why=f"the answer is about run {found.id}")
        return found

    def run_attempt(self, owner: str, repo: str, run_id: str, attempt: int) -> WorkflowRun:
        """https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run-attempt"""
        runs = f"{names.repository_path(owner, repo)}/actions/runs/{names.number(run_id, 'run id')}"
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
            path=f"{runs}/attempts/{names.number(attempt, 'run attempt')}",
        )
        found = self._about(owner, repo, ask, wire.workflow_run)
        if found.id != str(run_id) or found.run_attempt != attempt:
            raise Unanswered(
                f"{ask} was answered", why=f"the answer is about run {found.id}, attempt {found.run_attempt}"
            )
        return found

    def runs_of_head(self, owner: str, repo: str, head_sha: str) -> Listing[WorkflowRun]:
        """All runs of a commit.

        https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
        """
        sha = names.commit(head_sha)
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/runs",
            path=f"{names.repository_path(owner, repo)}/actions/runs",
            query={"head_sha": sha, "per_page": str(PER_PAGE)},
        )
        found = self._listing(owner, repo, ask, "workflow_runs", wire.workflow_run, key=lambda run: run.id)
        if any(run.head_sha.lower() != sha for run in found.items):
            return Listing(found.items, "the host lists runs of other commits: it does not know the filter head_sha")
        return found

    def runs_of_branch(
        self,
        owner: str,
        repo: str,
        workflow_id: str,
        branch: str,
        *,
        event: str | None = None,
        since: datetime | None = None,
    ) -> Listing[WorkflowRun]:
        """The newest runs of a workflow on a branch, newest first, made at `since` or later: one page only.

        Enough to tell whether a newer run exists, so more pages do not make it incomplete.
        https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-workflow
        """
        workflow = names.number(workflow_id, "workflow id")
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
            path=f"{names.repository_path(owner, repo)}/actions/workflows/{workflow}/runs",
            query={"branch": names.ref_name(branch), "per_page": str(NEWER_RUNS)} | ({"event": event} if event else {}),
        )
        found, _ = self._about(owner, repo, ask, lambda tree: wire.items(tree, "workflow_runs", wire.workflow_run))
        return Listing(tuple(run for run in found if since is None or run.created_at >= since))

    def jobs(self, owner: str, repo: str, run_id: str, attempt: int, *, limit: int | None = None) -> Listing[Job]:
        """The jobs of one attempt, at most `limit` (1,000).

        https://docs.github.com/en/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt
        """
        runs = f"{names.repository_path(owner, repo)}/actions/runs/{names.number(run_id, 'run id')}"
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
            path=f"{runs}/attempts/{names.number(attempt, 'run attempt')}/jobs",
            query={"per_page": str(PER_PAGE)},
        )
        return self._listing(
            owner, repo, ask, "jobs", lambda tree: wire.job(tree, attempt=attempt), key=lambda job: job.id, limit=limit
        )

    def check_runs(self, owner: str, repo: str, sha: str) -> Listing[CheckRun]:
        """The latest check runs of a commit, of every App.

        https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/commits/{ref}/check-runs",
            path=f"{names.repository_path(owner, repo)}/commits/{names.commit(sha)}/check-runs",
            query={"filter": "latest", "per_page": str(PER_PAGE)},
        )
        return self._listing(owner, repo, ask, "check_runs", wire.check_run, key=lambda check: check.id)

    def file(
        self, owner: str, repo: str, path: str, ref: str | None = None, *, reader: tuple[str, str] | None = None
    ) -> bytes | None:
        """A file's bytes at `ref` (None: the default branch), or None when there is none.

        What stands at a full SHA is remembered; anything else is asked for with the remembered ETag, and an unchanged
        file costs nothing of the rate limit. `reader` names the repository whose token reads it, for a public file of
        a repository where the App is not installed. A folder, a link or more than 1 MB raises `Unanswered`.
        https://docs.github.com/en/rest/repos/contents#get-repository-content
        """
        place = f"{names.repository_path(owner, repo)}/contents/{names.file_path(path)}"
        key = (owner.lower(), repo.lower(), path, ref or "")
        known = self._files.get(key)
        if known is not None and ref is not None and names.is_commit(ref):
            return known[1]
        ask = Ask(
            template="/repos/{owner}/{repo}/contents/{path}",
            path=place,
            query={} if ref is None else {"ref": names.ref_name(ref)},
            headers={} if known is None or not known[0] else {"If-None-Match": known[0]},
        )
        try:
            answer = self._read(*(reader or (owner, repo)), ask)
        except Refused as no:
            if no.status != 404:
                raise
            return None
        if answer.status == 304 and known is not None:
            return known[1]
        content = self._parsed(ask, answer, content_of)
        self._files.put(key, answer.headers.get("etag", ""), content)
        return content

    def job_log(self, owner: str, repo: str, job_id: str) -> JobLog:
        """A job's log, from its redirect; `missing` says why there is none, `truncated` that its middle is left out.

        https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
            path=f"{names.repository_path(owner, repo)}/actions/jobs/{names.number(job_id, 'job id')}/logs",
            plain=True,
        )
        bearer = self._tokens.for_repository(owner, repo, READ)
        try:
            return logs.fetch(self._exchanges, ask, bearer, resolver=self._resolver)
        except Refused as no:
            if no.status not in {404, 410}:
                raise
            return JobLog(text=b"", missing="gone" if no.status == 410 else "not_found")


def _app(tree: fields.Tree) -> Identity:
    slug = tree.get("slug")
    if not isinstance(slug, str) or not slug:
        raise fields.Malformed("app.slug is missing")
    return Identity(id=None, login=f"{slug}[bot]", kind="app")


def _user(tree: fields.Tree) -> Identity:
    login = tree.get("login")
    if not isinstance(login, str) or not login:
        raise fields.Malformed("user.login is missing")
    return Identity(id=fields.ident(tree, "user.id"), login=login, kind="user")
