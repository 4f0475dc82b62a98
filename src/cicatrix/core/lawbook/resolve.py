"""Layers into one lawbook: built-in < organisation < repository, by the stricter value (foundations 1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cicatrix.core.canonical import canonical_hash
from cicatrix.core.lawbook.keys import DELEGATED, DELEGATED_ABOUT, KEYS, covers
from cicatrix.core.lawbook.kinds import Names
from cicatrix.core.lawbook.layers import Layer, LayerKind
from cicatrix.core.lawbook.model import (
    Attempts,
    Dispatch,
    Lawbook,
    Minutes,
    Mixed,
    Mode,
    Precision,
    Remediation,
    Rollback,
    Serial,
    SideEffects,
    StopRules,
    Storm,
)
from cicatrix.core.lawbook.records import Policies
from cicatrix.core.verdict import FailureClass

BUILT_IN_ORIGIN = "built-in"
"""The origin of every value that no file set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A value that a file asked for and did not get, since it is looser than the layers above allow."""

    key: str
    asked: str
    kept: str
    origin: str
    """Who asked."""
    bound_by: str
    """Whose value holds."""
    remedy: str

    def __str__(self) -> str:
        return (
            f"{self.origin} {self.key}: {self.asked} does not count, {self.kept} holds ({self.bound_by}). {self.remedy}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The lawbook of one repository, where each value comes from, and what was refused."""

    lawbook: Lawbook
    tree: Mapping[str, object]
    """The lawbook as nested JSON, in canonical form: what `hash` covers, and what `lawbook show` prints."""
    hash: str
    origins: Mapping[str, str]
    """Dotted key -> `built-in`, or file and line."""
    ignored: tuple[Ignored, ...]
    base_version: str
    """Version of the deployment's base lawbook, which `LAWBOOK_HASH` pins: the file given to it, else built-in."""
    base_hash: str
    built_in: bool
    """True when no file took part: such a lawbook holds in staging only (LB-2)."""


def resolve(layers: Sequence[Layer]) -> Resolved:
    """The lawbook that the layers make, on top of the built-in one. At most one layer of each kind, in any order.

    A deployment's file takes the place of the built-in values; an organisation's file does so where there is no
    deployment file. Every other layer can only tighten, except for the keys that the layer above delegates.
    Raises ValueError for two layers of one kind.
    """
    by_kind = {layer.kind: layer for layer in layers if layer.kind is not LayerKind.REPOSITORY}
    own = [layer for layer in layers if layer.kind is LayerKind.REPOSITORY]
    if len(by_kind) + len(own) != len(layers) or len(own) > 2:
        raise ValueError(
            "two lawbooks of one kind: pass one deployment, one organisation and one repository file at most"
        )
    base = _Merge()
    if deployment := by_kind.get(LayerKind.DEPLOYMENT):
        base.take(deployment)
    merge = base.copy()
    if layer := by_kind.get(LayerKind.ORGANISATION):
        merge.take(layer)
    for layer in own:
        merge.take(layer)
    base_tree, tree = _tree(base), _tree(merge)
    return Resolved(
        lawbook=_lawbook(merge),
        tree=tree,
        hash=canonical_hash(tree),
        origins=MappingProxyType(merge.origins),
        ignored=tuple(merge.ignored),
        base_version=base.values["version"],
        base_hash=canonical_hash(base_tree),
        built_in=not layers,
    )


class _Merge:
    """The values so far, and for each key the loosest value that the layers below may set."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {name: key.default for name, key in KEYS.items()}
        self.origins: dict[str, str] = dict.fromkeys((*KEYS, DELEGATED), BUILT_IN_ORIGIN)
        self.delegated: frozenset[str] = frozenset()
        self.ignored: list[Ignored] = []
        self._ceilings: dict[str, tuple[Any, str]] = {}
        self._governed = False

    def copy(self) -> _Merge:
        other = _Merge()
        other.values, other.origins = dict(self.values), dict(self.origins)
        other.delegated, other.ignored = self.delegated, list(self.ignored)
        other._ceilings, other._governed = dict(self._ceilings), self._governed
        return other

    def take(self, layer: Layer) -> None:
        if layer.kind is LayerKind.REPOSITORY:
            if not self._governed:
                self._close(frozenset())
            if layer.delegated:
                self._ignore_delegation(layer)
        for name, asked in layer.values.items():
            self._set(name, asked, layer)
            if layer.kind is LayerKind.REPOSITORY and not KEYS[name].free:  # of two layers of a repository the stricter
                self._ceilings[name] = (self.values[name], self.origins[name])
        if layer.kind is not LayerKind.REPOSITORY:
            self._close(layer.delegated)
            self.delegated = layer.delegated
            self.origins[DELEGATED] = layer.origin(DELEGATED)
            self._governed = True

    def _set(self, name: str, asked: Any, layer: Layer) -> None:
        key = KEYS[name]
        if key.free or name not in self._ceilings:
            self.values[name], self.origins[name] = asked, layer.origin(name)
            return
        ceiling, bound_by = self._ceilings[name]
        kept = key.kind.stricter(ceiling, asked)
        self.values[name] = kept
        policies = isinstance(key.kind, Policies) and key.kind.allow_the_same(kept, asked)
        if policies or key.kind.plain(kept) == key.kind.plain(asked):
            self.origins[name] = layer.origin(name)
            return
        if isinstance(key.kind, Names) and key.kind.forbids:  # such a list adds to the one above, nothing is refused
            self.origins[name] = f"{bound_by} and {layer.origin(name)}"
            return
        same = key.kind.plain(kept) == key.kind.plain(ceiling)
        self.origins[name] = bound_by if same else f"{bound_by} and {layer.origin(name)}"
        self.ignored.append(
            Ignored(
                key=name,
                asked=_brief(key.kind.plain(asked)),
                kept=_brief(key.kind.plain(kept)),
                origin=layer.origin(name),
                bound_by=bound_by,
                remedy=self._remedy(name, layer),
            )
        )

    def _remedy(self, name: str, layer: Layer) -> str:
        if layer.kind is LayerKind.ORGANISATION:
            return f"To allow it, list `{name}` under `delegated:` in the deployment's lawbook."
        return (
            f"To allow it, list `{name}` under `delegated:` in the organisation's lawbook, or in a deployment's lawbook"
            " given by --lawbook or CICATRIX_LAWBOOK."
        )

    def _ignore_delegation(self, layer: Layer) -> None:
        self.ignored.append(
            Ignored(
                key=DELEGATED,
                asked=_brief(sorted(layer.delegated)),
                kept=_brief(sorted(self.delegated)),
                origin=layer.origin(DELEGATED),
                bound_by=self.origins[DELEGATED],
                remedy="A repository cannot delegate to itself: move the key to the organisation's lawbook.",
            )
        )

    def _close(self, delegated: frozenset[str]) -> None:
        """From here on no layer gets more than the values so far, except where the key is delegated."""
        for name, value in self.values.items():
            if not KEYS[name].free and not covers(delegated, name):
                self._ceilings[name] = (value, self.origins[name])


def bound(resolved: Resolved, key: str) -> str:
    """Words for an answer that a key bound, such as `lawbook attempts.perJob (.github/cicatrix.yml:7)`.

    Raises KeyError for a name that is no key.
    """
    return f"lawbook {key} ({resolved.origins[key]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of `lawbook show`."""

    key: str
    value: str
    origin: str
    about: str


def describe(resolved: Resolved) -> tuple[Row, ...]:
    """Every key in the order of the reference, with its value as JSON, its origin and one sentence on it."""
    flat = dict(_flat(resolved.tree))
    abouts = {**{name: key.about for name, key in KEYS.items()}, DELEGATED: DELEGATED_ABOUT}
    return tuple(
        Row(key=name, value=json.dumps(flat[name], ensure_ascii=False), origin=resolved.origins[name], about=about)
        for name, about in abouts.items()
    )


def pin_problem(pin: str | None, resolved: Resolved) -> str | None:
    """Why `LAWBOOK_HASH` does not fit the deployment's base lawbook, with both values; None when it does or is unset.

    64 hex digits are a hash, anything else a version label (GE-2). While there is a problem, reads and dry runs work
    and writes are refused with `lawbook_mismatch`.
    """
    pin = (pin or "").strip()
    if not pin:
        return None
    is_hash = re.fullmatch(r"[0-9A-Fa-f]{64}", pin) is not None
    actual = resolved.base_hash if is_hash else resolved.base_version
    if (pin.lower() if is_hash else pin) == actual:
        return None
    what = "hash" if is_hash else "version"
    return (
        f"LAWBOOK_HASH pins {what} {pin}, the deployment's base lawbook has {what} {actual}: "
        "give the pinned lawbook by --lawbook or CICATRIX_LAWBOOK, or change the pin"
    )


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _tree(merge: _Merge) -> Mapping[str, object]:
    tree: dict[str, Any] = {}
    for name, key in KEYS.items():
        section, _, rest = name.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[rest] = key.kind.plain(merge.values[name])
    tree[DELEGATED] = sorted(merge.delegated)
    return MappingProxyType(tree)


def _flat(tree: Mapping[str, object]) -> list[tuple[str, object]]:
    return [
        pair
        for name, value in tree.items()
        for pair in ([(f"{name}.{n}", v) for n, v in value.items()] if isinstance(value, Mapping) else [(name, value)])
    ]


def _lawbook(merge: _Merge) -> Lawbook:
    v = merge.values
    return Lawbook(
        version=v["version"],
        mode=Mode(v["mode"]),
        eligible=frozenset(map(FailureClass, v["eligible"])),
        attempts=Attempts(
            per_job=v["attempts.perJob"],
            per_job_and_sha=v["attempts.perJobAndSha"],
            per_pull_request=v["attempts.perPullRequest"],
            per_pull_request_day=v["attempts.perPullRequestDay"],
            per_repository_day=v["attempts.perRepositoryDay"],
            per_organisation_day=v["attempts.perOrganisationDay"],
        ),
        minutes=Minutes(
            per_pull_request_day=v["minutes.perPullRequestDay"], per_repository_day=v["minutes.perRepositoryDay"]
        ),
        mixed=Mixed(v["mixed"]),
        serial=Serial(max_attempts=v["serial.maxAttempts"], max_minutes=v["serial.maxMinutes"]),
        allow_all_jobs=v["allowAllJobs"],
        forks=v["forks"],
        merge_queue=v["mergeQueue"],
        auto_merge=v["autoMerge"],
        side_effects=SideEffects(
            jobs=tuple(v["sideEffects.jobs"]),
            environments=v["sideEffects.environments"],
            allow=tuple(v["sideEffects.allow"]),
        ),
        storm=Storm(failed_jobs=v["storm.failedJobs"], pull_requests=v["storm.pullRequests"], window=v["storm.window"]),
        stop_rules=StopRules(
            cooldown_minutes=v["stopRules.cooldownMinutes"],
            no_signal_change_threshold=v["stopRules.noSignalChangeThreshold"],
            max_wait_minutes_for_green=v["stopRules.maxWaitMinutesForGreen"],
        ),
        automation=tuple(v["automation"]),
        precision=Precision(minimum_percent=v["precision.minimumPercent"]),
        checks=tuple(v["checks"]),
        remediation=Remediation(
            allow=tuple(v["remediation.allow"]),
            max_files=v["remediation.maxFiles"],
            max_lines=v["remediation.maxLines"],
        ),
        dispatch=Dispatch(
            via=v["dispatch.via"],
            workflow=v["dispatch.workflow"],
            deadline=v["dispatch.deadline"],
            per_commit=v["dispatch.perCommit"],
            per_case=v["dispatch.perCase"],
        ),
        rollback=Rollback(
            health_below=v["rollback.healthBelow"],
            deliver=v["rollback.deliver"],
            up_to=v["rollback.upTo"],
            direct_push=tuple(v["rollback.directPush"]),
            create_per_day=v["rollback.createPerDay"],
            merge_per_day=v["rollback.mergePerDay"],
            max_target_age=v["rollback.maxTargetAge"],
        ),
        owners=tuple(v["owners"]),
        delegated=merge.delegated,
    )


BUILT_IN: Lawbook = resolve(()).lawbook
"""The lawbook of a deployment without any file. Its version label is `v1.0.0-dev`; it holds in staging only."""
