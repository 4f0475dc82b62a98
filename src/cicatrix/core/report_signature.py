"""A validation's report is signed, so that a number in it was not put there by the code that was measured.

Whoever sees the dispatch's payload can derive the nonce's key: it shows that a report belongs to this dispatch. The
shared secret (`CICATRIX_REPORT_KEY`) shows who wrote it too; measured code never has it beside itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from cicatrix.core.canonical import NotCanonicalError, canonical

ALGORITHM = "HMAC-SHA256"
SIGNATURE = "signature"
COVERED = ("op_id", "nonce_hash", "sha", "set_hash", "measurement", "verdict")
"""What a report must hold to be believed. The signature covers all of the report, not these alone."""

_PURPOSE = b"cicatrix validation report v1"


def nonce_hash(nonce: str) -> str:
    """What a report names instead of the nonce itself: SHA-256, 64 hex digits."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def report_key(*, nonce: str, secret: str | None) -> bytes:
    """The key: of the shared secret when there is one, else of the dispatch's nonce. The nonce binds both ways."""
    base = secret.encode() if secret else nonce.encode()
    return hmac.digest(base, _PURPOSE + b"\0" + nonce.encode(), "sha256")


def sign(report: Mapping[str, object], key: bytes, *, shared: bool) -> dict[str, object]:
    """The report with its signature; one that it bore before is replaced. Raises NotCanonicalError for floats."""
    body = {name: value for name, value in report.items() if name != SIGNATURE}
    basis = "shared-secret" if shared else "nonce"
    return {**body, SIGNATURE: {"algorithm": ALGORITHM, "key": basis, "value": _mac(body, basis, key)}}


def verify(
    report: object, key: bytes, *, shared: bool, op_id: str, nonce: str, sha: str, set_hash: str | None = None
) -> tuple[str, ...]:
    """Why the report is not believed, a sentence each; empty when it is.

    `shared` says what *we* expect: a report that was signed with the nonce alone is refused where there is a secret.
    """
    if not isinstance(report, Mapping):
        return ("the report is not an object",)
    problems = _signature_problems(report, key, "shared-secret" if shared else "nonce")
    expected = {"op_id": op_id, "nonce_hash": nonce_hash(nonce), "sha": sha}
    if set_hash is not None:
        expected["set_hash"] = set_hash
    return (
        *problems,
        *(f"the report lacks {name}" for name in COVERED if name not in report),
        *(f"the report is about another {name}" for name, value in expected.items() if report.get(name) != value),
    )


def _signature_problems(report: Mapping[str, object], key: bytes, basis: str) -> tuple[str, ...]:
    signature = report.get(SIGNATURE)
    if not isinstance(signature, Mapping):
        return ("the report is not signed",)
    if signature.get("algorithm") != ALGORITHM or signature.get("key") != basis:
        return (f"the report is not signed by {ALGORITHM} with the {basis}",)
    body = {name: value for name, value in report.items() if name != SIGNATURE}
    try:
        wanted = _mac(body, basis, key)
    except NotCanonicalError:
        return ("the report holds something that has no canonical form",)
    given = signature.get("value")
    if not isinstance(given, str) or not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        return ("the report's signature is wrong",)
    return ()


def _mac(body: Mapping[str, object], basis: str, key: bytes) -> str:
    signed = {"key": basis, "report": body}
    return hmac.digest(key, canonical(signed).encode(), "sha256").hex()
