"""Labels and the one sticky comment of a pull request (RD-5). Telling people never holds a rung back.

Our comment is known by its author and by a marker that only this ledger can make; somebody else's comment that copies
the marker is left alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from cicatrix.core.actions import ActionType
from cicatrix.core.facts import Comment, Receipt
from cicatrix.core.operations import Kind, Verb
from cicatrix.flows.ladder.effects import ensure
from cicatrix.flows.ladder.rung import Effect, Rung, Wish
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
