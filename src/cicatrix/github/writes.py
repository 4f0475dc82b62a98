"""Every write to GitHub: sent once, with the receipt of its recorded intent. An effect is proven by reading it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cicatrix.core.facts import Receipt
from cicatrix.core.operations import Kind
from cicatrix.github import fields, names, payloads
from cicatrix.github.body import Answer
from cicatrix.github.credentials import CHECK_RUN, CONTENTS, CONVERSATION, RERUN, Permissions
from cicatrix.github.exchange import CREATED, MARK, Ask
from cicatrix.github.reads import Reads

_OK = frozenset({200})
_NO_CONTENT = frozenset({204})
Data = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """GitHub accepted a write. That is no proof of its effect: the new attempt appears by and by."""

    status: int
    request_id: str
    """`X-GitHub-Request-Id`, for a question to GitHub's support."""
    data: Data = field(default_factory=dict)
    """What the answer names that a later read needs: ids, numbers, SHAs. No text of strangers."""

    def as_json(self) -> Mapping[str, object]:
        """For the column `github_response`."""
        return {"status": self.status, "requestId": self.request_id} | dict(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """One kind of write: where it goes, what its token may do, what GitHub answers."""

    kind: Kind
    template: str
    path: str
    """Below `/repos/{owner}/{repo}/`."""
    permissions: Permissions
    method: str = "POST"
    body: bytes | None = None
    accepts: frozenset[int] = CREATED
    read: Callable[[fields.Tree], Data] = lambda _: {}


class Writes(Reads):
    """The writing half of the client.

    Each method asks for a `receipt` of its own kind and raises `TypeError` without one, `ValueError` for what GitHub
    would not take, before anything is sent; then `NotSent`, `Refused`, `Deferred` or `Unanswered`.
    """

    def rerun_failed_jobs(self, owner: str, repo: str, run_id: str, *, receipt: Receipt) -> Accepted:
        """Rerun all failed jobs of the run and their dependants.

        https://docs.github.com/en/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run
        """
        template = "actions/runs/{run_id}/rerun-failed-jobs"
        path = f"actions/runs/{names.number(run_id, 'run id')}/rerun-failed-jobs"
        return self._write(owner, repo, _rerun(template, path), receipt)

    def rerun_job(self, owner: str, repo: str, job_id: str, *, receipt: Receipt) -> Accepted:
        """Rerun one job and its dependants.

        https://docs.github.com/en/rest/actions/workflow-runs#re-run-a-job-from-a-workflow-run
        """
        path = f"actions/jobs/{names.number(job_id, 'job id')}/rerun"
        return self._write(owner, repo, _rerun("actions/jobs/{job_id}/rerun", path), receipt)

    def rerun(self, owner: str, repo: str, run_id: str, *, receipt: Receipt) -> Accepted:
        """Rerun every job of the run. https://docs.github.com/en/rest/actions/workflow-runs#re-run-a-workflow"""
        path = f"actions/runs/{names.number(run_id, 'run id')}/rerun"
        return self._write(owner, repo, _rerun("actions/runs/{run_id}/rerun", path), receipt)

    def repository_dispatch(
        self, owner: str, repo: str, event_type: str, client_payload: Mapping[str, object], *, receipt: Receipt
    ) -> Accepted:
        """Send an event to the workflows of the default branch. The answer names no run: find it by the payload's id.

        https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
        """
        write = _Write(
            kind=Kind.DISPATCH,
            template="dispatches",
            path="dispatches",
            permissions=CONTENTS,
            body=payloads.repository_dispatch(event_type, client_payload),
            accepts=_NO_CONTENT,
        )
        return self._write(owner, repo, write, receipt)

    def workflow_dispatch(
        self, owner: str, repo: str, workflow_file: str, ref: str, inputs: Mapping[str, str], *, receipt: Receipt
    ) -> Accepted:
        """Run a workflow (its file's name, or its id) at a branch or tag. `data` has `runId` when GitHub names it.

        GitHub answers 200 with the run since it knows `return_run_details`, else 204 without (an older server).
        https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
        """
        write = _Write(
            kind=Kind.DISPATCH,
            template="actions/workflows/{workflow_id}/dispatches",
            path=f"actions/workflows/{names.workflow_file(workflow_file)}/dispatches",
            permissions=RERUN,
            body=payloads.workflow_dispatch(names.ref_name(ref), inputs),
            accepts=_OK | _NO_CONTENT,
            read=_dispatched,
        )
        return self._write(owner, repo, write, receipt)

    def create_pull(
        self, owner: str, repo: str, *, head: str, base: str, title: str, body: str, draft: bool = True,
        receipt: Receipt,
    ) -> Accepted:  # fmt: skip
        """Open a pull request from one branch of the repository to another. `data`: number, url, headSha.

        https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
        """
        sent = payloads.pull_request(
            head=names.ref_name(head), base=names.ref_name(base), title=title, body=body, draft=draft
        )
        write = _Write(
            kind=Kind.PULL_REQUEST, template="pulls", path="pulls", permissions=CONVERSATION, body=sent, read=_pull
        )
        return self._write(owner, repo, write, receipt)

    def close_pull(self, owner: str, repo: str, number: int, *, receipt: Receipt) -> Accepted:
        """Close a pull request without a merge. `data`: number, url, headSha, state.

        https://docs.github.com/en/rest/pulls/pulls#update-a-pull-request
        """
        write = _Write(
            kind=Kind.PULL_REQUEST,
            method="PATCH",
            template="pulls/{pull_number}",
            path=f"pulls/{names.number(number, 'pull request number')}",
            permissions=CONVERSATION,
            body=payloads.encoded({"state": "closed"}),
            accepts=_OK,
            read=_pull,
        )
        return self._write(owner, repo, write, receipt)

    def create_comment(self, owner: str, repo: str, number: int, body: str, *, receipt: Receipt) -> Accepted:
        """Comment on a pull request. `data`: commentId.

        https://docs.github.com/en/rest/issues/comments#create-an-issue-comment
        """
        write = _Write(
            kind=Kind.COMMENT,
            template="issues/{issue_number}/comments",
            path=f"issues/{names.number(number, 'pull request number')}/comments",
            permissions=CONVERSATION,
            body=payloads.comment(body),
            read=_comment,
        )
        return self._write(owner, repo, write, receipt)

    def update_comment(self, owner: str, repo: str, comment_id: str, body: str, *, receipt: Receipt) -> Accepted:
        """Give a comment of a pull request another text. `data`: commentId.

        https://docs.github.com/en/rest/issues/comments#update-an-issue-comment
        """
        write = _Write(
            kind=Kind.COMMENT,
            method="PATCH",
            template="issues/comments/{comment_id}",
            path=f"issues/comments/{names.number(comment_id, 'comment id')}",
            permissions=CONVERSATION,
            body=payloads.comment(body),
            accepts=_OK,
            read=_comment,
        )
        return self._write(owner, repo, write, receipt)

    def add_labels(self, owner: str, repo: str, number: int, labels: Sequence[str], *, receipt: Receipt) -> Accepted:
        """Add labels to a pull request; those that are there stay.

        https://docs.github.com/en/rest/issues/labels#add-labels-to-an-issue
        """
        write = _Write(
            kind=Kind.LABEL,
            template="issues/{issue_number}/labels",
            path=f"issues/{names.number(number, 'pull request number')}/labels",
            permissions=CONVERSATION,
            body=payloads.labels(labels),
            accepts=_OK,
        )
        return self._write(owner, repo, write, receipt)

    def create_check_run(
        self, owner: str, repo: str, head_sha: str, *, name: str, external_id: str, conclusion: str | None,
        title: str, summary: str, text: str, annotations: Sequence[payloads.Annotation] = (), receipt: Receipt,
    ) -> Accepted:  # fmt: skip
        """Say what was found on a commit; without a `conclusion` it is in progress. For Apps only. `data`: checkRunId.

        https://docs.github.com/en/rest/checks/runs#create-a-check-run
        """
        body = payloads.check_run(
            head_sha=names.commit(head_sha), name=name, external_id=external_id, conclusion=conclusion,
            title=title, summary=summary, text=text, annotations=annotations,
        )  # fmt: skip
        write = _Write(
            kind=Kind.CHECK_RUN, template="check-runs", path="check-runs", permissions=CHECK_RUN, body=body, read=_check
        )
        return self._write(owner, repo, write, receipt)

    def update_check_run(
        self, owner: str, repo: str, check_run_id: str, *, name: str, external_id: str, conclusion: str | None,
        title: str, summary: str, text: str, annotations: Sequence[payloads.Annotation] = (), receipt: Receipt,
    ) -> Accepted:  # fmt: skip
        """As `create_check_run`, of one that is there; GitHub adds annotations to those before. `data`: checkRunId.

        https://docs.github.com/en/rest/checks/runs#update-a-check-run
        """
        body = payloads.check_run(
            head_sha=None, name=name, external_id=external_id, conclusion=conclusion,
            title=title, summary=summary, text=text, annotations=annotations,
        )  # fmt: skip
        write = _Write(
            kind=Kind.CHECK_RUN,
            method="PATCH",
            template="check-runs/{check_run_id}",
            path=f"check-runs/{names.number(check_run_id, 'check run id')}",
            permissions=CHECK_RUN,
            body=body,
            accepts=_OK,
            read=_check,
        )
        return self._write(owner, repo, write, receipt)

    def _write(self, owner: str, repo: str, write: _Write, receipt: Receipt) -> Accepted:
        """One request. Its `X-Request-Id` names operation and send, so that a proxy's log can be matched with ours."""
        if not isinstance(receipt, Receipt):
            raise TypeError("a write to GitHub needs the Receipt of its recorded intent")
        if receipt.kind != write.kind:
            raise TypeError(f"the Receipt is of a {receipt.kind} and this write is a {write.kind}")
        ask = Ask(
            method=write.method,
            template=f"/repos/{{owner}}/{{repo}}/{write.template}",
            path=f"{names.repository_path(owner, repo)}/{write.path}",
            headers={MARK: names.header_text(f"{receipt.operation_id}/{receipt.send}", "operation id")},
            body=write.body,
        )
        bearer = self._tokens.for_repository(owner, repo, write.permissions)
        answer = self._exchanges.write(ask, bearer, write.accepts)
        return Accepted(
            status=answer.status,
            request_id=answer.headers.get("x-github-request-id", ""),
            data=self._value(ask, answer, lambda: write.read(_tree(answer))),
        )


def _rerun(template: str, path: str) -> _Write:
    return _Write(kind=Kind.RERUN, template=template, path=path, permissions=RERUN)


def _tree(answer: Answer) -> fields.Tree:
    return fields.mapping(answer.tree)


def _dispatched(tree: fields.Tree) -> Data:
    """https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event"""
    run_id = fields.ident_or_none(tree.get("workflow_run_id"))
    return {} if run_id is None else {"runId": run_id}


def _pull(tree: fields.Tree) -> Data:
    return {
        "number": fields.number(tree.get("number"), "pull_request.number"),
        "url": fields.text(tree.get("html_url")),
        "headSha": fields.text(fields.mapping(tree.get("head")).get("sha")).lower(),
        "state": fields.text(tree.get("state")),
    }


def _comment(tree: fields.Tree) -> Data:
    return {"commentId": fields.ident(tree, "comment.id")}


def _check(tree: fields.Tree) -> Data:
    return {"checkRunId": fields.ident(tree, "check_run.id")}
