"""What a merge of a pull request does, and every reason for which GitHub refuses one.

https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .exchange import Refusal
from .parts import BranchRules, SimPull

if TYPE_CHECKING:
    from .repository import SimRepository
    from .world import World

DOCS = "/pulls/pulls#merge-a-pull-request"
METHODS = ("merge", "squash", "rebase")


def refuse_if_impossible(repo: SimRepository, pull: SimPull, *, sha: str | None, login: str) -> None:
    """Raises the refusal that GitHub would answer."""
    if pull.state != "open" or pull.mergeable is False or pull.base_ref not in repo.branches:
        raise Refusal(405, "Pull Request is not mergeable", docs=DOCS)
    if pull.draft:
        raise Refusal(405, "Pull Request is still a draft", docs=DOCS)
    if sha is not None and sha != pull.head_sha:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.", docs=DOCS)
    rules = repo.rules.get(pull.base_ref, BranchRules())
    if login in rules.bypass:
        return
    if rules.merge_queue:
        message = "Repository rule violations found\n\nChanges must be made through the merge queue\n\n"
        raise Refusal(405, message, docs=DOCS)
    if len({r.login for r in pull.reviews if r.state == "APPROVED"}) < rules.approvals:
        message = f"At least {rules.approvals} approving review is required by reviewers with write access."
        raise Refusal(405, message, docs=DOCS)


def merge(
    world: World,
    repo: SimRepository,
    pull: SimPull,
    *,
    method: str,
    login: str,
    sha: str | None = None,
    message: str | None = None,
    call: int | None = None,
    client_id: str = "",
) -> str:
    """Merges, closes the pull request, records it, and answers the commit on the base branch."""
    refuse_if_impossible(repo, pull, sha=sha, login=login)
    made = _commit(repo, pull, method=method, message=message, login=login)
    if made is None:
        raise Refusal(405, "Pull Request is not mergeable", docs=DOCS)
    pull.close()
    pull.merged_at, pull.merged_by, pull.merge_sha = world.now, login, made
    world.history.write(
        at=world.now,
        kind="merge-pull",
        repository=repo.full_name,
        repository_id=repo.id,
        login=login,
        call=call,
        client_id=client_id,
        head_sha=made,
        detail={"number": pull.number, "method": method, "head": pull.head_sha, "base": pull.base_ref},
    )
    return made


def _commit(repo: SimRepository, pull: SimPull, *, method: str, message: str | None, login: str) -> str | None:
    if repo.git is None:
        return repo.push(pull.base_ref)
    title = pull.title or f"Pull request {pull.number}"
    told = {
        "merge": f"Merge pull request #{pull.number} from {repo.owner}/{pull.head_ref}\n\n{title}\n",
        "squash": f"{title} (#{pull.number})\n",
    }
    text = message or told.get(method, "")
    return repo.git.merge(pull.base_ref, pull.head_sha, method=method, message=text, login=login)
