"""Markdown within GitHub's limits (RP-4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cicatrix.core.report.cut import FIELD, within

LIMIT = "GitHub takes no more."


@pytest.mark.shows("RP-4")
@given(st.text(alphabet="`a\n\u00e4 ", max_size=300), st.integers(0, 400))
def test_a_cut_text_fits_and_says_what_is_missing(text: str, room: int) -> None:
    cut = within(text, room, LIMIT)
    assert len(cut.encode()) <= room
    if cut not in {text, ""}:
        last = [token for token in MarkdownIt().parse(cut) if token.type == "inline"][-1]
        assert last.content.startswith("**Cut here:**")
        left_out, whole = (int(word) for word in last.content.split() if word.isdigit())
        assert whole == len(text.encode())
        assert cut.encode().startswith(text.encode()[: whole - left_out])


def test_a_cut_closes_the_fence_it_falls_into() -> None:
    text = "````text\n" + "```\n" * 200 + "````\nafter\n"
    assert "\n````\n\n---\n" in within(text, 600, LIMIT)


def test_a_text_that_fits_is_left_alone() -> None:
    assert within("x" * FIELD, FIELD, LIMIT) == "x" * FIELD
