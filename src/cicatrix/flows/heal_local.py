"""A remediation of one commit of somebody's checkout, as a dry run: nothing leaves, and the checkout is not touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cicatrix.checks import detect
from cicatrix.core.lawbook import Layer
from cicatrix.core.remedy.model import Remedy
from cicatrix.flows.gate import lawbook_in
from cicatrix.flows.heal import Healing, heal
from cicatrix.flows.heal_bench import bench_of
from cicatrix.git import LocalFacts, local_worktree
from cicatrix.git.lone import lone_mirror

CASE = "dry-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What fixes would do. The commit in `healing` is gone with the throw-away mirror that it was made in."""

    healing: Healing
    facts: LocalFacts
    lawbook_hash: str
    allowed: tuple[str, ...]
    ignored: tuple[str, ...]
    """What the commit's own lawbook asks for about fixes and may not have, each with its remedy."""


def try_fixes(
    folder: Path,
    commit: str,
    *,
    base: Layer | None,
    environ: Mapping[str, str],
    now: datetime,
    own: Iterable[Remedy] = (),
    log: Callable[..., None] = lambda *_, **__: None,
) -> Tried:
    """Measures the commit, runs the fixes that its lawbook allows, and measures again. Raises GitError, GateStopped."""
    with local_worktree(folder, commit) as tree, lone_mirror(tree) as mirror:
        resolved = lawbook_in(tree.path, base)
        checks = resolved.lawbook.checks or detect(tree.path, environ=environ).checks
        bench = bench_of(mirror, checks, now=now, environ=environ, log=log)
        healing = heal(bench, tree.sha, case=CASE, remediation=resolved.lawbook.remediation, own=own)
        return Tried(
            healing=healing,
            facts=tree.facts,
            lawbook_hash=resolved.hash,
            allowed=resolved.lawbook.remediation.allow,
            ignored=tuple(str(line) for line in resolved.ignored if line.key.startswith("remediation.")),
        )
