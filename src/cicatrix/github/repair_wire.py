"""Documents that remedy, validation and rollback read: comments, rules of branches, commits, artifacts."""

from __future__ import annotations

from cicatrix.core.facts import Artifact, BranchProtection, BranchRule, Comment, Commit
from cicatrix.github.fields import (
    Malformed,
    Tree,
    flag,
    ident,
    ident_or_none,
    mapping,
    moment,
    number,
    required,
    sequence,
    text,
)


def comment(tree: Tree) -> Comment:
    """A comment of an issue or pull request; a body that is null is empty."""
    author = mapping(tree.get("user"))
    return Comment(
        id=ident(tree, "comment.id"),
        body=text(tree.get("body")),
        author_id=ident_or_none(author.get("id")),
        author=text(author.get("login")) or None,
        created_at=moment(tree.get("created_at")),
        updated_at=moment(tree.get("updated_at")),
    )


def branch_rule(tree: Tree) -> BranchRule:
    """A rule; of a kind that GitHub adds tomorrow, its name and parameters are kept."""
    return BranchRule(
        type=required(tree.get("type"), "rule.type"),
        ruleset_id=ident_or_none(tree.get("ruleset_id")) or "",
        parameters=dict(mapping(tree.get("parameters"))),
    )


def protection(tree: Tree) -> BranchProtection:
    """A branch's protection; what the answer leaves out is not demanded."""
    checks = mapping(tree.get("required_status_checks"))
    listed = [mapping(item).get("context") for item in sequence(checks.get("checks"))]
    contexts = [name for name in (*sequence(checks.get("contexts")), *listed) if isinstance(name, str)]
    return BranchProtection(
        pull_request_reviews=isinstance(tree.get("required_pull_request_reviews"), dict),
        status_checks=tuple(dict.fromkeys(contexts)),
        enforce_admins=_enabled(tree, "enforce_admins"),
        restricted=isinstance(tree.get("restrictions"), dict),
        linear_history=_enabled(tree, "required_linear_history"),
        signatures=_enabled(tree, "required_signatures"),
        locked=_enabled(tree, "lock_branch"),
    )


def commit(tree: Tree) -> Commit:
    """A commit. Its parents must be told: without them nobody knows what a revert of it would undo."""
    parents, told = tree.get("parents"), mapping(tree.get("commit"))
    if not isinstance(parents, list):
        raise Malformed("commit.parents is missing")
    return Commit(
        sha=required(tree.get("sha"), "commit.sha").lower(),
        parents=tuple(required(mapping(item).get("sha"), "commit.parents.sha").lower() for item in parents),
        authored_at=moment(mapping(told.get("author")).get("date")),
        committed_at=moment(mapping(told.get("committer")).get("date")),
    )


def artifact(tree: Tree) -> Artifact:
    """An artifact; whether it is gone must be told."""
    expired = flag(tree.get("expired"))
    if expired is None:
        raise Malformed("artifact.expired is missing")
    return Artifact(
        id=ident(tree, "artifact.id"),
        name=text(tree.get("name")),
        size=number(tree.get("size_in_bytes"), "artifact.size_in_bytes"),
        expired=expired,
    )


def _enabled(tree: Tree, name: str) -> bool:
    return flag(mapping(tree.get(name)).get("enabled")) is True
