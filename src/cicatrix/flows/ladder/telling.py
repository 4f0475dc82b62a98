"""Labels and the one sticky comment of a pull request (RD-5). Telling people never holds a rung back.

Our comment is known by its author and by a marker that only this ledger can make; somebody else's comment that copies
the marker is left alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import partial

from cicatrix.core.actions import ActionType
from cicatrix.core.facts import Comment, Receipt
from cicatrix.core.operations import Kind, Verb
from cicatrix.core.report.build import build_report
from cicatrix.core.report.render import render_markdown
from cicatrix.flows.ladder.effects import ensure
from cicatrix.flows.ladder.rung import Effect, Rung, Wish
from cicatrix.flows.reporting import NoMeasurementError, report_of_case
from cicatrix.github import GitHub, GitHubError

KEY_FLAG = "comment.key"
MARK = "cicatrix"


def tell(rung: Rung, number: int, body: str) -> Effect | None:
    """The sticky comment of that pull request says this now. None without a pull request, or when it cannot be read."""
    if not number:
        return None
    try:
        known = _ours(rung, number)
    except GitHubError as trouble:
        rung.ctx.log("comment.unread", problem=str(trouble))
        return None
    marker = _marker(rung, number)
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    if known is not None and digest in known.body:
        return None
    text = f"{body}\n\n<!-- {marker} {digest} -->\n"
    return ensure(rung, _wish(rung, number, text, marker, digest, known))


def _wish(rung: Rung, number: int, text: str, *rest: str | Comment | None) -> Wish:
    marker, digest, known = str(rest[0]), str(rest[1]), rest[2]

    def send(github: GitHub, receipt: Receipt, _: str) -> Mapping[str, object]:
        owner, name = rung.home.owner, rung.home.name
        if isinstance(known, Comment):
            return github.update_comment(owner, name, known.id, text, receipt=receipt).data
        return github.create_comment(owner, name, number, text, receipt=receipt).data

    return Wish(
        kind=Kind.COMMENT,
        verb=Verb.UPDATE_COMMENT if isinstance(known, Comment) else Verb.CREATE_COMMENT,
        action=ActionType.ADD_COMMENT,
        target=f"comment:{number}:{digest}",
        head_sha=rung.case.head_sha,
        pull_request=number,
        params={"marker": marker, "bodyHash": digest},
        send=send,
    )


def _ours(rung: Rung, number: int) -> Comment | None:
    marker = _marker(rung, number)
    listing = rung.github.comments(rung.home.owner, rung.home.name, number)
    return next((c for c in listing.items if marker in c.body and c.author == rung.identity.login), None)


def _marker(rung: Rung, number: int) -> str:
    """The hidden mark: an HMAC, so that it cannot be made up for another pull request."""
    subject = f"{rung.home.host}/{rung.home.id}/{number}".encode()
    return f"{MARK}:{hmac.new(_key(rung), subject, 'sha256').hexdigest()[:32]}"


def _key(rung: Rung) -> bytes:
    with rung.ctx.ledger.read() as view:
        known = view.flag(KEY_FLAG)
    if known is None:
        with rung.ctx.ledger.write("comment.key") as tx:
            known = tx.flag(KEY_FLAG)
            if known is None:
                known = rung.ctx.new_id() + rung.ctx.new_id()
                tx.set_flag(KEY_FLAG, known)
    return known.encode()


def label(rung: Rung, number: int, labels: Sequence[str]) -> Effect | None:
    """The pull request bears these labels. None where there is nothing to label."""
    if not number or not labels:
        return None

    def send(github: GitHub, receipt: Receipt, _: str) -> Mapping[str, object]:
        owner, name = rung.home.owner, rung.home.name
        return github.add_labels(owner, name, number, list(labels), receipt=receipt).data

    return ensure(
        rung,
        Wish(
            kind=Kind.LABEL,
            verb=Verb.ADD_LABELS,
            action=ActionType.ADD_LABEL,
            target=f"label:{number}:{','.join(sorted(labels))}"[:300],
            head_sha=rung.case.head_sha,
            pull_request=number,
            params={"labels": list(labels)},
            send=send,
        ),
    )


CHECK_NAME = "Cicatrix"
MOST_TEXT = 65_535
"""Characters of a check run's field (https://docs.github.com/en/rest/checks/runs#create-a-check-run)."""


def check(rung: Rung, sha: str, title: str) -> Effect | None:
    """The case's report as a check run of the commit: always neutral, so that we never hold up a merge.

    Only an App and the GITHUB_TOKEN of a workflow may make one; for any other identity nothing is tried.
    """
    if rung.identity.kind not in {"app", "actions"}:
        return None
    with rung.ctx.ledger.read() as view:
        case = view.case(rung.case.id)
        try:
            found = None if case is None else report_of_case(view, case, now=rung.ctx.now())
        except NoMeasurementError:
            return None
    if found is None:
        return None
    text = render_markdown(build_report(found))
    text = text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "\u2026"
    return ensure(rung, _check_wish(rung, sha, title[:200], text))


def _check_wish(rung: Rung, sha: str, title: str, text: str) -> Wish:
    """Found before it is made, and updated where it is there."""
    external = f"cicatrix:{rung.case.id}"
    listing = rung.github.check_runs(rung.home.owner, rung.home.name, sha)
    known = next((run for run in listing.items if run.external_id == external), None)

    def send(github: GitHub, receipt: Receipt, _: str) -> Mapping[str, object]:
        write = partial(
            github.create_check_run if known is None else github.update_check_run,
            rung.home.owner,
            rung.home.name,
            sha if known is None else known.id,
            name=CHECK_NAME,
            external_id=external,
            conclusion="neutral",
            title=title,
            summary=f"Case {rung.case.id}: `cicatrix explain {rung.case.id}` tells the whole story.",
            text=text,
        )
        return write(receipt=receipt).data

    digest = hashlib.sha256((title + text).encode()).hexdigest()[:16]
    return Wish(
        kind=Kind.CHECK_RUN,
        verb=Verb.CREATE_CHECK_RUN if known is None else Verb.UPDATE_CHECK_RUN,
        action=ActionType.ADD_COMMENT,
        target=f"check:{sha}:{digest}",
        head_sha=sha,
        pull_request=rung.case.pull_request,
        params={"externalId": external, "title": title},
        send=send,
    )
