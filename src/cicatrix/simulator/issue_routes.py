"""Comments and labels of a pull request, which the API reaches as an issue. There are no other issues here."""

from __future__ import annotations

from . import pull_bodies
from .bodies import Tree, node, stamp, user
from .calls import Call, listed
from .exchange import Response, invalid, json_response, not_found
from .parts import SimComment, SimPull
from .repository import SimRepository

COMMENTS, LABELS = "/issues/comments", "/issues/labels"
BODY = 65_536
RIGHTS = ("issues", "pull_requests")
"""Either is enough for a pull request: https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps"""


def _find(repo: SimRepository, text: str, docs: str) -> SimPull:
    pull = repo.pulls.get(int(text)) if text.isdigit() else None
    if pull is None:
        raise not_found(docs)
    return pull


def _find_comment(repo: SimRepository, text: str) -> tuple[SimPull, SimComment]:
    for pull in repo.pulls.values():
        for comment in pull.comments:
            if str(comment.id) == text:
                return pull, comment
    raise not_found(COMMENTS)


def comments(call: Call, repo: SimRepository, text: str) -> Response:
    """The oldest first; `since` is a time of their last change."""
    pull = _find(repo, text, COMMENTS)
    since = call.values.get("since", "")
    found = [c for c in pull.comments if c.at <= call.at and stamp(c.edited_at) >= since]
    return listed(call, found, None, lambda c: _body(call, repo, pull, c))


def create_comment(call: Call, repo: SimRepository, text: str) -> Response:
    pull = _find(repo, text, COMMENTS)
    made = SimComment(
        id=call.world.next_id("comment"),
        login=call.login,
        body=_text(call.tree()),
        at=call.world.now,
        edited_at=call.world.now,
    )
    pull.comments.append(made)
    call.wrote("create-comment", repo, head_sha=pull.head_sha, number=pull.number, comment=made.id)
    return json_response(_body(call, repo, pull, made), status=201)


def comment(call: Call, repo: SimRepository, text: str) -> Response:
    return json_response(_body(call, repo, *_find_comment(repo, text)))


def update_comment(call: Call, repo: SimRepository, text: str) -> Response:
    pull, found = _find_comment(repo, text)
    found.body, found.edited_at = _text(call.tree()), call.world.now
    call.wrote("update-comment", repo, head_sha=pull.head_sha, number=pull.number, comment=found.id)
    return json_response(_body(call, repo, pull, found))


def _text(tree: Tree) -> str:
    body = tree.get("body")
    if not isinstance(body, str) or not body.strip():
        raise invalid("IssueComment", field="body", code="missing_field", docs=COMMENTS)
    if len(body) > BODY:
        raise invalid(
            "IssueComment", field="body", message=f"body is too long (maximum is {BODY} characters)", docs=COMMENTS
        )
    return body


def _body(call: Call, repo: SimRepository, pull: SimPull, given: SimComment) -> Tree:
    """`issue-comment`."""
    issue = f"{call.api}/repos/{repo.full_name}/issues"
    return {
        "id": given.id,
        "node_id": node("IC", given.id),
        "url": f"{issue}/comments/{given.id}",
        "html_url": f"{call.web}/{repo.full_name}/pull/{pull.number}#issuecomment-{given.id}",
        "issue_url": f"{issue}/{pull.number}",
        "body": given.body,
        "user": user(call.api, call.web, given.login),
        "created_at": stamp(given.at),
        "updated_at": stamp(given.edited_at),
        "author_association": "NONE",
    }


def labels(call: Call, repo: SimRepository, text: str) -> Response:
    pull = _find(repo, text, LABELS)
    return listed(call, pull.labels, None, lambda name: pull_bodies.label(call.api, repo.full_name, name))


def add_labels(call: Call, repo: SimRepository, text: str) -> Response:
    """Adds to what is there, and makes labels that the repository has not had; answers all of them."""
    pull = _find(repo, text, LABELS)
    given = call.tree().get("labels", [])
    names = [label["name"] if isinstance(label, dict) else label for label in given]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise invalid("Label", field="name", docs=LABELS)
    pull.label(*names)
    call.wrote("add-labels", repo, head_sha=pull.head_sha, number=pull.number, labels=names)
    return json_response([pull_bodies.label(call.api, repo.full_name, name) for name in pull.labels])
