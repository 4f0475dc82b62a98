"""The gate: one commit of a checkout measured in a clean worktree, kept in the health history, and what follows.

Measuring needs neither network nor ledger. With a ledger the measurement is kept, a branch that a rollback blocks stays
blocked (RB-0), and a default branch in a bad way gets a case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cicatrix.checks import Detected, detect, measure
from cicatrix.core.cases import Case
from cicatrix.core.facts import Problem, Repository
from cicatrix.core.health.codec import measurement_json
from cicatrix.core.health.model import Band, Check, Gate, Measurement
from cicatrix.core.lawbook import Layer, LayerKind, Resolved, resolve
from cicatrix.core.records import BranchBlock, MeasurementRow
from cicatrix.flows.context import Context
from cicatrix.git import LocalFacts, LocalTree, local_worktree
from cicatrix.lawbook import LARGEST, load

LAWBOOK = ".github/cicatrix.yml"

OpenCase = Callable[[Context, Repository, Measurement, str], Case | None]
"""Opens the case of a branch in a bad way: context, repository, measurement, full ref."""


class GateStopped(Exception):  # noqa: N818 -- named for what is the case
    """Nothing was measured. Told in three lines."""

    def __init__(self, what: str, why: str, next_step: str) -> None:
        super().__init__(f"{what} {why}")
        self.what, self.why, self.next = what, why, next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be measured."""

    folder: Path
    commit: str = "HEAD"
    refs: Mapping[str, str] = field(default_factory=dict)
    """SHA -> full ref that it stands for, where a detached checkout cannot say, as in a workflow."""
    checks: tuple[Check, ...] = ()
    """Given by hand; without any the commit's own lawbook says, then the deployment's, then the files."""
    base: Layer | None = None
    """The deployment's lawbook."""
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measurement and where it comes from."""

    measurement: Measurement
    facts: LocalFacts
    ref: str
    """Full ref of the branch that was measured; empty for a commit that stands for none."""
    source: str
    """Where the checks come from: `given`, `lawbook` or `detected`."""
    detected: Detected | None
    resolved: Resolved
    """The commit's own lawbook on top of the deployment's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the ledger made of it."""

    index: int | None = None
    """The entry's index; None when nothing was stored."""
    block: BranchBlock | None = None
    case: str = ""
    """Id of the case that was opened, or was open already."""
    notes: tuple[str, ...] = field(default=())


def measure_commit(asked: Asked, *, now: datetime, log: Callable[..., None] = lambda *_, **__: None) -> Measured:
    """Measures the commit in a clean worktree. Writes nothing of anybody's. Raises GitError, GateStopped."""
    with local_worktree(asked.folder, asked.commit) as tree:
        resolved = lawbook_in(tree.path, asked.base)
        detected = None
        checks, source = (asked.checks, "given") if asked.checks else (resolved.lawbook.checks, "lawbook")
        if not checks:
            detected = detect(tree.path, environ=asked.environ)
            checks, source = detected.checks, "detected"
        measurement = measure(tree.path, checks, sha=tree.sha, now=now, environ=asked.environ, log=log)
        return Measured(
            measurement=measurement,
            facts=tree.facts,
            ref=_ref(asked, tree),
            source=source,
            detected=detected,
            resolved=resolved,
        )


def checks_of(text: bytes, name: str) -> tuple[Check, ...]:
    """The checks of a file in the lawbook's form. Raises GateStopped for one that is not valid or lists none."""
    layer, problems = load(text, name, kind=LayerKind.REPOSITORY)
    if layer is None:
        raise _unusable(name, problems)
    checks = resolve([layer]).lawbook.checks
    if not checks:
        raise GateStopped(
            f"{name} declares no checks.", "The key `checks` is missing or empty.", "docs/gate.md shows one."
        )
    return checks


def repository_of(origin: str | None) -> tuple[str, str, str] | None:
    """(host, owner, name) of a remote's URL; None where it is no repository on a host."""
    if origin is None:
        return None
    found = _SCP.fullmatch(origin)
    host, path = (found["host"], found["path"]) if found else _split(origin)
    named = _PATH.fullmatch(path.strip("/").removesuffix(".git"))
    return (host.lower(), named["owner"], named["name"]) if host and named else None


def keep(ctx: Context, home: Repository, found: Measured, *, open_case: OpenCase | None = None) -> Kept:
    """The measurement in the health history, the branch's block, and a case where one is called for.

    `open_case` is asked for the default branch alone, when it is critical and not ready. Raises LedgerError.
    """
    with ctx.ledger.write("gate") as tx:
        index = tx.record_measurement(row_of(home, found.measurement, found.ref))
    block = blocked(ctx, home, found.ref)
    if open_case is None or block is not None or not calls_for_case(home, found):
        return Kept(index=index, block=block)
    case = open_case(ctx, home, found.measurement, found.ref)
    return Kept(index=index, case="" if case is None else case.id)


def blocked(ctx: Context, home: Repository, ref: str) -> BranchBlock | None:
    """What keeps the branch's gate closed after a rollback; None when nothing does."""
    if not ref:
        return None
    with ctx.ledger.read() as view:
        return view.branch_block(home.host, home.id, ref)


def calls_for_case(home: Repository, found: Measured) -> bool:
    """Whether the default branch is in a bad way, for certain: unknown calls for nothing."""
    default = bool(home.default_branch) and found.ref == f"refs/heads/{home.default_branch}"
    return default and found.measurement.band is Band.CRITICAL and found.measurement.ready is False


def row_of(home: Repository, measurement: Measurement, ref: str, *, purpose: str = "gate") -> MeasurementRow:
    """The measurement as a row of the health history."""
    return MeasurementRow(
        host=home.host,
        repository_id=home.id,
        owner=home.owner,
        repository=home.name,
        ref=ref,
        sha=measurement.sha,
        purpose=purpose,
        taken_at=measurement.taken_at,
        set_hash=measurement.set_hash,
        confidence=measurement.confidence,
        health=measurement.health,
        ready=measurement.ready,
        gate=measurement.gate.value,
        band=measurement.band.value,
        report=measurement_json(measurement),
    )


def exit_code(measurement: Measurement, block: BranchBlock | None) -> int:
    """GK-5: 0 ok, 1 blocked, 2 warning. What is unknown is not ok."""
    if block is not None:
        return 1
    return {Gate.PASS: 0, Gate.WARNING: 2, Gate.FAIL: 1, Gate.HOLD: 1}[measurement.gate]


_SCP = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?!//)(?P<path>[^:\s]+)")
_PATH = re.compile(r"(?P<owner>[A-Za-z0-9][A-Za-z0-9_-]{0,99})/(?P<name>(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100})")


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        web = parts.scheme in {"http", "https"}
        port = f":{parts.port}" if web and parts.port else ""
    except ValueError:
        return "", ""
    return (f"{parts.hostname or ''}{port}", parts.path) if web or parts.scheme in {"ssh", "git"} else ("", "")


def lawbook_in(folder: Path, base: Layer | None) -> Resolved:
    """The commit's own lawbook on top of the deployment's."""
    place = folder / LAWBOOK
    layers = [] if base is None else [base]
    if place.is_file() and not place.is_symlink():
        with place.open("rb") as stream:
            layer, problems = load(stream.read(LARGEST + 1), LAWBOOK, kind=LayerKind.REPOSITORY)
        if layer is None:
            raise _unusable(LAWBOOK, problems)
        layers.append(layer)
    return resolve(layers)


def _unusable(name: str, problems: tuple[Problem, ...]) -> GateStopped:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return GateStopped(
        f"{name} cannot be used.", f"{problems[0]}{more}.", "Correct it; `cicatrix lawbook check` lists every problem."
    )


def _ref(asked: Asked, tree: LocalTree) -> str:
    """The branch that the commit stands for: only a commit named by it is measured as that branch."""
    branch = tree.facts.branch
    if branch is not None and asked.commit in {"HEAD", branch, f"refs/heads/{branch}"}:
        return f"refs/heads/{branch}"
    return asked.commit if asked.commit.startswith("refs/heads/") else asked.refs.get(tree.sha, "")
