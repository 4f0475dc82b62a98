"""Check runs that an App makes and changes; nobody else may (https://docs.github.com/en/rest/checks/runs)."""

from __future__ import annotations

from datetime import datetime

from .auth import Principal
from .bodies import ACTIONS_APP, Tree
from .calls import Call
from .check_routes import app_id_of, check_answer
from .exchange import Refusal, Response, invalid, not_found
from .parts import ForeignCheck
from .repository import SimRepository

DOCS = "/checks/runs"
ANNOTATIONS, CHARACTERS = 50, 65_535
CONCLUSIONS = (
    "action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"
)  # fmt: skip


def _slug(principal: Principal | None) -> str:
    """The App behind the token; a workflow's own token is the App `github-actions`."""
    if principal is None or principal.kind == "user":
        raise Refusal(403, "You must authenticate via a GitHub App.", docs=DOCS)
    return ACTIONS_APP[0] if principal.kind == "actions" else principal.login.removesuffix("[bot]")


def create_check(call: Call, repo: SimRepository) -> Response:
    slug, tree = _slug(call.principal), call.tree()
    if not tree.get("name"):
        raise invalid("CheckRun", field="name", code="missing_field", docs=DOCS)
    if not repo.knows(str(tree.get("head_sha"))):
        raise Refusal(422, f"No commit found for SHA: {tree.get('head_sha')}", docs=DOCS)
    made = ForeignCheck(
        id=call.world.next_id("job"),
        name=str(tree["name"]),
        head_sha=tree["head_sha"],
        app_slug=slug,
        status="queued",
        conclusion=None,
        at=call.world.now,
    )
    _fill(made, tree, call.world.now)
    repo.checks.append(made)
    call.wrote("create-check-run", repo, head_sha=made.head_sha, check=made.id, externalId=made.external_id)
    return check_answer(call, repo, made, status=201)


def update_check(call: Call, repo: SimRepository, text: str) -> Response:
    """The fields that the body gives; annotations are added to those that are there."""
    slug = _slug(call.principal)
    found = next((c for c in repo.checks if str(c.id) == text), None)
    if found is None:
        raise not_found(DOCS)
    if found.app_slug != slug:
        who = f"Invalid app_id `{app_id_of(call, slug)}`"
        message = f"{who} - check run can only be modified by the GitHub App that created it."
        raise Refusal(403, message, docs=DOCS)
    _fill(found, call.tree(), call.world.now)
    call.wrote("update-check-run", repo, head_sha=found.head_sha, check=found.id, externalId=found.external_id)
    return check_answer(call, repo, found, status=200)


def _fill(check: ForeignCheck, tree: Tree, now: datetime) -> None:
    conclusion = tree.get("conclusion")
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise invalid("CheckRun", field="conclusion", docs=DOCS)
    status = "completed" if conclusion else tree.get("status", check.status)
    if status == "completed" and not (conclusion or check.conclusion):
        raise invalid("CheckRun", field="conclusion", code="missing_field", docs=DOCS)
    output = tree.get("output") or {}
    _check_output(output)
    check.status = status
    check.conclusion = conclusion or (check.conclusion if status == "completed" else None)
    check.completed_at = now if status == "completed" else None
    check.name = tree.get("name", check.name)
    check.external_id = tree.get("external_id", check.external_id)
    check.details_url = tree.get("details_url", check.details_url)
    check.title, check.summary = output.get("title", check.title), output.get("summary", check.summary)
    check.text = output.get("text", check.text)
    check.annotations += output.get("annotations", [])


def _check_output(output: Tree) -> None:
    if output and not (output.get("title") and output.get("summary")):
        raise invalid("CheckRun", field="output", code="missing_field", docs=DOCS)
    if any(len(output.get(name) or "") > CHARACTERS for name in ("summary", "text")):
        raise invalid("CheckRun", field="output", message=f"Only {CHARACTERS} characters are allowed", docs=DOCS)
    if len(output.get("annotations", ())) > ANNOTATIONS:
        raise invalid("CheckRun", field="annotations", message=f"No more than {ANNOTATIONS} items", docs=DOCS)
