"""The page of fixes lists the catalogue as it is."""

from __future__ import annotations

from pathlib import Path

from cicatrix.core.remedy.catalogue import REMEDIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "remediation.md"


def test_every_fix_stands_on_the_page_with_its_risk_and_command() -> None:
    rows = [f"| `{r.id}` | {r.trigger} | {r.risk} | `{' '.join(r.command)}` |".replace("|`", "| `") for r in REMEDIES]
    text = PAGE.read_text(encoding="utf-8")
    assert [row for row in rows if row not in text] == [], "copy the rows that are missing into the page"
