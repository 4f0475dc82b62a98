"""Claims of the originals that their source contradicts stand in no page of ours without what shows them (IT-3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.assurance import ROOT, requirements

PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
KNOWN = requirements((ROOT / "docs" / "requirements.md").read_text(encoding="utf-8"))
TEST = re.compile(r"`tests/[\w/]+\.py(?:::\w+)?`")
ID = re.compile(r"\b[A-Z]{1,2}-?\d+\b")
CLAIMS = {
    "idempotent": r"idempoten(?:t|ce)\b(?!.key)",
    "transactions mitigate": r"transactions? mitigate",
    "audit rows for each job decision": r"audit rows? for (?:each|every) job",
    "only eligible classes rerun": r"only eligible (?:failure )?classes",
    "guardrail order": r"guardrail order|order of the guardrails",
    "respects maxRetries": r"respects? `?max_?retries",
    "comprehensive error handling": r"comprehensive (?:\w+ )?error|error handling comprehensive",
    "rollback functional": r"rollback (?:is )?functional|functional rollback",
    "validation works independently": r"(?:validation|checks) work(?:s|ing)? independently",
    "403 needs a PAT": r"403 needs|needs a PAT\b|PAT authentication eliminates",
    "PR updated with results": r"(?:PR|pull request) (?:is )?updated with (?:the )?results?",
    "before/after metrics": r"before/after metrics",
    "continuous monitoring": r"continuous(?:ly)? monitor(?:ing|s|ed)",
    "multi-layer safety net": r"multi-?layer(?:ed)? safety",
}
"""The words of behaviour 22, and how they are looked for. An idempotency key is the name of a header."""


def blocks(text: str) -> Iterator[str]:
    """Paragraphs, items of lists and rows of tables, each as one line: what a reader takes in together."""
    for paragraph in re.split(r"\n\s*\n", text):
        for block in re.split(r"\n(?=\s*(?:\||[-*] |\d+\. ))", paragraph):
            yield " ".join(block.split())


def claimed(text: str) -> list[str]:
    """The claims of a page that have neither a test nor a requirement of ours beside them."""
    return [
        f"{claim}: {block[:80]}"
        for block in blocks(text)
        for claim, words in CLAIMS.items()
        if re.search(words, block, re.IGNORECASE) and not shown(block)
    ]


def shown(block: str) -> bool:
    tests = [ROOT / found.strip("`").partition("::")[0] for found in TEST.findall(block)]
    return any(test.is_file() for test in tests) or any(found in KNOWN for found in ID.findall(block))


@pytest.mark.shows("IT-3")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_inherits_a_claim_without_what_shows_it(page: Path) -> None:
    assert claimed(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("claim", CLAIMS)
def test_each_claim_would_be_found_also_over_the_end_of_a_line(claim: str) -> None:
    for text in (f"- It is so: {claim}.\n", f"| {claim.upper()} | yes |\n", f"So {claim.replace(' ', chr(10))}.\n"):
        assert claimed(text), text
    assert claimed(f"- A test: `tests/house/test_claims.py`\n- {claim}\n"), "beside is not in the next item"
    assert claimed(f"{claim}: `tests/house/test_nothing.py`, ZZ-9")
    assert claimed(f"| {claim} | `tests/house/test_claims.py` |\n") == []
    assert claimed(f"{claim} (IT-3)") == []
