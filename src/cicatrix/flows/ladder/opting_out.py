"""Where somebody said that a commit is not to be rolled back: a label on the pull request that brought it (RB-6).

The commit's own trailer is read by the plan. Labels are set by people with triage rights or more; GitHub sees to that.
"""

from __future__ import annotations

from cicatrix.flows.ladder.rung import Rung
from cicatrix.github import Refused

OFF = "cicatrix:off"


def opted_out(rung: Rung, target: str) -> str:
    """Why the commit is not to be touched, naming the pull request; empty when nobody said so.

    A list that cannot be read to its end counts as an opt-out: who said what is then not known. Raises GitHubError.
    """
    try:
        listing = rung.github.pulls_of_commit(rung.home.owner, rung.home.name, target)
    except Refused as no:
        if no.status in {404, 422}:  # GitHub knows no such commit, so no pull request brought it
            return ""
        raise
    if listing.incomplete:
        return f"the pull requests of {target[:12]} cannot be listed: {listing.incomplete}"
    off = next((pull.number for pull in listing.items if OFF in pull.labels), None)
    return "" if off is None else f"pull request #{off} bears the label {OFF}"
