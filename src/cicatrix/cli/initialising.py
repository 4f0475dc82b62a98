"""`cicatrix init`: the workflows and the lawbook of a repository, written into its checkout."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cicatrix.checks.detect import Detected, detect
from cicatrix.core.lawbook.checks import check_tree
from cicatrix.git.errors import GitError
from cicatrix.git.local import LocalFacts, local_facts
from cicatrix.settings.surroundings import inherited

from . import state
from .errors import Code, Stop, usage

WORKFLOWS = ("cicatrix-gate.yml", "phase3-auto-healing.yml", "post-remediation-check.yml")
LAWBOOK = ".github/cicatrix.yml"
_PIN = re.compile(
    r"(?P<repository>[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100})@(?P<sha>[0-9a-f]{40})", re.ASCII
)
_BRANCH = re.compile(r"[A-Za-z0-9._/-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    path: Path
    pin: str | None
    branch: str | None
    dry_run: bool
    force: bool


def init(options: Options) -> Code:
    """Write what is not there yet. Without --pin the lawbook alone: a workflow that is not pinned is not written."""
    facts = _facts(options.path)
    texts = {LAWBOOK: lawbook(detect(facts.root, environ=inherited()))}
    if options.pin is not None:
        texts |= workflows(options.pin, _branch(options.branch, facts))
    for name, text in texts.items():
        if _exists(facts.root / name) and not options.force:
            state.screen.line(f"○ kept {name}, which is there already; --force writes over it")
        else:
            _write(facts.root, name, text, dry_run=options.dry_run)
    _tell_next(options)
    return Code.DONE


def workflows(pin: str, branch: str) -> dict[str, str]:
    """The three workflows, pinned. Raises Stop for a pin that is no OWNER/REPO@SHA, or a branch that is no name."""
    match = _PIN.fullmatch(pin)
    if match is None:
        raise usage(
            "The pin cannot be used.",
            "--pin takes OWNER/REPO@ and a commit's 40 hex digits; a tag or a branch can be moved.",
            "Take the commit of the release from the repository that Cicatrix comes from.",
        )
    if _BRANCH.fullmatch(branch) is None:
        raise usage(
            "The branch cannot be written into a workflow.",
            f"{branch[:80]!r} has characters that stand for patterns there.",
            "Name another with --branch.",
        )
    filled = {"@@repository@@": match["repository"], "@@sha@@": match["sha"], "@@branch@@": branch}
    return {f".github/workflows/{name}": _filled(_template(name), filled) for name in WORKFLOWS}


def lawbook(found: Detected) -> str:
    """A lawbook that changes nothing, with the detected checks as comments to take over."""
    lines = [
        "# Rules of this repository for Cicatrix; `cicatrix lawbook check` names every mistake.",
        "# Without any line below the built-in rules hold: failures are judged and nothing is written.",
        "# A file here can only tighten: `mode: act`, fixes and rollbacks are for the deployment's lawbook to allow.",
        "",
        "# What `cicatrix gate` found to check. It runs these without any line here; take them over to change them.",
    ]
    if not found.checks:
        lines.append("# checks: []   # nothing was recognised: declare what builds and tests this repository")
        return "\n".join(lines) + "\n"
    lines.append("# checks:")
    for check in found.checks:
        lines += [f"#   # {_plain(found.why.get(check.name, ''))}"]
        fields = [f"{name}: {_scalar(value)}" for name, value in check_tree(check).items() if value is not None]
        lines += [f"#   - {fields[0]}", *(f"#     {field}" for field in fields[1:])]
    lines += [f"# Left out: {_plain(text)}" for text in found.left_out]
    return "\n".join(lines) + "\n"


def _facts(path: Path) -> LocalFacts:
    try:
        return local_facts(path)
    except GitError as wrong:
        raise Stop(
            "Here is no git repository that can be used.",
            f"{wrong.why or wrong}.",
            "Change into a checkout, or name one with --path.",
        ) from None


def _branch(asked: str | None, facts: LocalFacts) -> str:
    found = asked or facts.branch
    if found is None:
        raise usage("No branch is checked out.", "HEAD is detached.", "Name the default branch with --branch.")
    return found


def _template(name: str) -> str:
    return files("cicatrix.cli").joinpath("shipped", name).read_text(encoding="utf-8")


def _filled(text: str, values: dict[str, str]) -> str:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _scalar(value: object) -> str:
    """A value as YAML of one line: JSON is YAML, and nothing in a string ends it early."""
    return json.dumps(value)


def _plain(text: str) -> str:
    return " ".join(state.screen.safe(text).split())


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _write(root: Path, name: str, text: str, *, dry_run: bool) -> None:
    screen = state.screen
    if dry_run:
        screen.line(f"--- {name}")
        screen.line(text.rstrip("\n"))
        return
    target = root / name
    for folder in reversed(target.relative_to(root).parents[:-1]):
        # a link in the repository must not lead the writing out of it
        if (root / folder).is_symlink():
            raise Stop(f"{folder} is a link.", "Nothing is written through one.", "Make it a folder, and try again.")
    if target.is_symlink():
        raise Stop(f"{name} is a link.", "Nothing is written through one.", "Remove it, and try again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    screen.line(f"✓ wrote {name}")


def _tell_next(options: Options) -> None:
    if options.dry_run:
        state.screen.say("dry run: nothing was written")
    elif options.pin is None:
        state.screen.say("next: look at the lawbook, then `cicatrix init --pin OWNER/REPO@SHA` for the workflows")
    else:
        state.screen.say("next: commit these files; docs/tokens.md says which secrets the workflows need")
