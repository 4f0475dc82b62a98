"""The `proc-receive` hook of a simulated remote: says yes or no to each pushed ref, in GitHub's words.

It runs as a process of its own, by git, with the pushed objects in sight; so it imports nothing of ours. The rules are
in the file that its argument names; what it decided goes, a JSON line a ref, to the file that the rules name.
https://git-scm.com/docs/githooks#proc-receive
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NOTHING = "0" * 40
HEADS = "refs/heads/"
WORKFLOWS = ".github/workflows/"
CLASSIC, RULESET = "protected branch hook declined", "push declined due to repository rule violations"
OWN_WORDS = {
    "user": ("a Personal Access Token", "scope `workflow`"),
    "actions": ("a GitHub App", "`workflows` permission"),
    "app": ("a GitHub App", "`workflows` permission"),
}

Rules = Mapping[str, Any]
GIT: list[str] = []
"""Where git is, once the rules are read."""


def main() -> None:
    with open(sys.argv[1], "rb") as given:  # noqa: PTH123 -- starts faster
        rules: Rules = json.load(given)
    GIT.append(rules["git"])
    list(_packets())
    _send("version=1")
    _flush()
    commands = [line.split(" ", 2) for line in _packets()]
    with open(rules["decisions"], "a", encoding="utf-8") as notes:  # noqa: PTH123 -- starts faster
        for old, new, ref in commands:
            forced = _forced(old, new)
            refused = _refused(rules, old, new, ref, forced=forced)
            told = {"ref": ref, "old": old, "new": new, "forced": forced, "refused": refused}
            notes.write(json.dumps(told) + "\n")
            if refused:
                _send(f"ng {ref} {refused}")
            else:
                _send(f"ok {ref}")
                _send("option fall-through")
    _flush()


def _refused(rules: Rules, old: str, new: str, ref: str, *, forced: bool) -> str | None:
    """Why this ref may not move so; None when it may."""
    branch = ref.removeprefix(HEADS)
    protection = rules["protected"].get(branch)
    if protection is not None and old != NOTHING:
        wrong = _against(protection, old, new, forced=forced)
        if wrong:
            return _declined(ref, wrong, ruleset=protection["ruleset"])
    if new == NOTHING or rules["workflows"]:
        return None
    touched = [path for path in _touched(rules, old, new) if path.startswith(WORKFLOWS)]
    if touched:
        who, what = OWN_WORDS[rules["kind"]]
        return f"refusing to allow {who} to create or update workflow `{touched[0]}` without {what}"
    return None


def _against(protection: Rules, old: str, new: str, *, forced: bool) -> list[str]:
    """What of the branch's protection the push breaks, in GitHub's words."""
    if new == NOTHING:
        return ["Cannot delete this branch"]
    wrong = []
    if forced:
        wrong.append("Cannot force-push to this branch")
    if protection["merge_queue"]:
        wrong.append("Changes must be made through the merge queue")
    if protection["pull_request"]:
        wrong.append("Changes must be made through a pull request.")
    if protection["signatures"] and _unsigned(old, new):
        wrong.append("Commits must have verified signatures.")
    wrong += [
        f'Required status check "{c}" is expected.' for c, green in protection["checks"].items() if new not in green
    ]
    return wrong


def _declined(ref: str, wrong: Sequence[str], *, ruleset: bool) -> str:
    if ruleset:
        lines = [f"error: GH013: Repository rule violations found for {ref}.", "", *(f"- {w}" for w in wrong), ""]
    else:
        lines = [f"error: GH006: Protected branch update failed for {ref}.", *(f"error: {w}" for w in wrong)]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
    return RULESET if ruleset else CLASSIC


def _forced(old: str, new: str) -> bool:
    if NOTHING in (old, new):
        return False
    return _git("merge-base", "--is-ancestor", old, new)[0] != 0


def _touched(rules: Rules, old: str, new: str) -> list[str]:
    """Paths that differ from the old tip; of a new branch, from where it left the default branch."""
    base = old
    if old == NOTHING:
        code, text = _git("merge-base", HEADS + rules["default"], new)
        base = text.strip() if code == 0 else _git("hash-object", "-t", "tree", "/dev/null")[1].strip()
    return [path for path in _git("diff-tree", "-r", "-z", "--name-only", base, new)[1].split("\0") if path]


def _unsigned(old: str, new: str) -> list[str]:
    shas = _git("rev-list", new, f"^{old}", "--")[1].split()
    return [sha for sha in shas if "\ngpgsig" not in _git("cat-file", "commit", sha)[1].partition("\n\n")[0]]


def _git(*arguments: str) -> tuple[int, str]:
    line = [*GIT, *arguments]
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)  # noqa: S603 -- an argument list of ours
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _packets() -> Iterator[str]:
    """The lines up to the next flush packet."""
    while True:
        head = sys.stdin.buffer.read(4)
        if head in (b"", b"0000"):
            return
        yield sys.stdin.buffer.read(int(head, 16) - 4).decode("utf-8", "replace").rstrip("\n")


def _send(text: str) -> None:
    body = text.encode() + b"\n"
    sys.stdout.buffer.write(b"%04x" % (len(body) + 4) + body)


def _flush() -> None:
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
