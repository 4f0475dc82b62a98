"""Whether what a fix changed may be proposed (RM-2): paths, modes, size, and what became of the dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cicatrix.core.changes import FileChange
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.remedy.manifests import Manifest, is_manifest, read_manifest, valid_name
from cicatrix.core.remedy.model import Declined, Remedy, Stage, matches_any
from cicatrix.core.remedy.versions import floor, same_major

_FORBIDDEN_FOLDERS = frozenset({".git", ".github", ".gitlab", ".circleci", ".buildkite"})
_FORBIDDEN_FILES = frozenset({".gitattributes", ".gitmodules", ".gitignore", "codeowners", ".pre-commit-config.yaml"})
"""What decides about checks, reviews and git itself. No fix touches it, whatever its patterns say."""
_REGULAR = frozenset({"100644", "100755"})
_CODE_FIXES = frozenset({Stage.FORMAT, Stage.LINT})

Finding = tuple[HealReason, str]


def judge_change(
    changes: Sequence[FileChange],
    remedy: Remedy,
    *,
    max_files: int,
    max_lines: int,
    before: Mapping[str, str | None],
    after: Mapping[str, str | None],
) -> Declined | None:
    """None when the change may be kept, else why not.

    `before` and `after` hold the text of every changed path for which `must_read` is true; None, or nothing, is a file
    that is not there or not readable.
    """
    if not changes:
        return Declined(id=remedy.id, reason=HealReason.NOTHING_TO_FIX, why="it changed nothing")
    found = next(_file_findings(changes, remedy), None) or too_large(changes, max_files=max_files, max_lines=max_lines)
    if found is None:
        read = [change for change in changes if must_read(change.path, remedy)]
        found = next((f for c in read if (f := _dependencies(c, before.get(c.path), after.get(c.path)))), None)
    return Declined(id=remedy.id, reason=found[0], why=found[1]) if found else None


def must_read(path: str, remedy: Remedy) -> bool:
    """Whether the file's text must be judged.

    `setup.py` is a manifest and code at once: formatters and linters of the catalogue rewrite it as code, and whatever
    else changes it is refused.
    """
    if path.rpartition("/")[2].lower() == "setup.py":
        return remedy.stage not in _CODE_FIXES
    return is_manifest(path)


def too_large(changes: Sequence[FileChange], *, max_files: int, max_lines: int) -> Finding | None:
    """Why the change is more than the lawbook lets a remediation propose."""
    if len(changes) > max_files:
        return HealReason.DIFF_TOO_LARGE, f"{len(changes)} files changed, remediation.maxFiles is {max_files}"
    lines = sum(change.added + change.removed for change in changes)
    if lines > max_lines:
        return HealReason.DIFF_TOO_LARGE, f"{lines} lines changed, remediation.maxLines is {max_lines}"
    return None


def _file_findings(changes: Sequence[FileChange], remedy: Remedy) -> Iterator[Finding]:
    for change in changes:
        if why := _misplaced(change, remedy):
            yield HealReason.UNEXPECTED_PATH, f"{change.path} {why}"


def _misplaced(change: FileChange, remedy: Remedy) -> str | None:
    parts = [part.lower() for part in change.path.split("/")]
    if _FORBIDDEN_FOLDERS & set(parts[:-1]) or parts[-1] in _FORBIDDEN_FILES:
        return "decides about checks, reviews or git: no fix changes it"
    if ".." in parts or "" in parts:
        return "does not lie in the repository"
    if change.status == "D":
        return None if matches_any(remedy.deletes, change.path) else "was deleted"
    if change.new_mode not in _REGULAR:
        return "is no regular file any more"
    if change.status == "A":
        return None if matches_any(remedy.creates, change.path) else "is new"
    if change.status != "M" or change.old_mode != change.new_mode:
        return "changed its mode or kind"
    return None if matches_any(remedy.paths, change.path) else f"is not among the files that {remedy.id} may change"


# --- dependencies


def _dependencies(change: FileChange, before: str | None, after: str | None) -> Finding | None:
    path = change.path
    old = Manifest() if change.status == "A" else _read(path, before)
    new = Manifest() if change.status == "D" else _read(path, after)
    if old is None or new is None:
        return HealReason.NEW_DEPENDENCY, f"{path} cannot be read, so nobody can say what it adds"
    if found := _added(path, old, new):
        return found
    return None if change.status in "AD" else _elsewhere(path, old, new) or _majors(path, old, new)


def _read(path: str, text: str | None) -> Manifest | None:
    return None if text is None else read_manifest(path, text)


def _added(path: str, old: Manifest, new: Manifest) -> Finding | None:
    strange = sorted(name for name in _names(new) - _names(old) if not valid_name(name))
    if strange:
        return HealReason.NEW_DEPENDENCY, f"{path}: {strange[0]!r} is no package name"
    added = sorted(set(new.direct) - set(old.direct))
    if added:
        return HealReason.NEW_DEPENDENCY, f"{path}: {', '.join(added[:5])} would be a new dependency"
    return None


def _names(manifest: Manifest) -> set[str]:
    """Names as people write them: a place such as `node_modules/a/node_modules/b` is the package `b`."""
    return {name.split("[")[0] for name in manifest.direct} | {_package(place) for place in manifest.locked}


def _package(place: str) -> str:
    return place.rpartition("node_modules/")[2].split("[")[0]


def _elsewhere(path: str, old: Manifest, new: Manifest) -> Finding | None:
    hosts = sorted(new.hosts - old.hosts)
    if hosts and old.hosts:
        return HealReason.NEW_DEPENDENCY, f"{path}: a package would come from {hosts[0]}, from where none came before"
    if old.rest != new.rest:
        return HealReason.UNEXPECTED_PATH, f"{path} changed in more than the versions of its dependencies"
    return None


def _majors(path: str, old: Manifest, new: Manifest) -> Finding | None:
    for name, spec in sorted(new.direct.items()):
        was = old.direct[name]
        if spec != was and not _compatible(was, spec):
            return HealReason.MAJOR_UPGRADE, f"{path}: {name} from {was!r} to {spec!r}"
    for place, versions in sorted(new.locked.items()):
        known = old.locked.get(place, ())
        worse = [v for v in versions if known and not any(same_major(k, v) for k in known)]
        if worse:
            return HealReason.MAJOR_UPGRADE, f"{path}: {_package(place)} from {', '.join(known)} to {worse[0]}"
    return None


def _compatible(was: str, spec: str) -> bool:
    """Whether both ranges begin with a version, of one major. Two that cannot be compared are not compatible."""
    before, after = floor(was), floor(spec)
    return before is not None and after is not None and same_major(before, after)
