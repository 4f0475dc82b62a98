"""A plain push of one commit to one ref, never forced, and what its end says about the effect.

The remote compares the ref with what it showed in this very connection before it updates it. What it showed is
compared with what we expect by a `pre-push` hook of our own, which git runs between the two: so a ref that somebody
created, moved forward or moved back meanwhile stops the push, even where a fast-forward would be possible.
Whether the hook was reached also tells whether anything can have left us.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from cicatrix.core.facts import Receipt
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.operations import Kind
from cicatrix.git import names
from cicatrix.git.errors import GitError, PushError, PushNotSent, PushRefused, PushUnanswered
from cicatrix.git.remote import Remote
from cicatrix.git.run import Done, Git
from cicatrix.git.worktree import throw_away

_HOOK = """#!/bin/sh
: > {folder}/asked
while read -r local new ref old; do
  if [ "$old" != {expected} ]; then
    : > {folder}/moved
    exit 1
  fi
done
"""
_STATUS = re.compile(r"The requested URL returned error: (\d{3})")
_DEFINITE = {
    401: HealReason.CREDENTIAL_INVALID,
    403: HealReason.PERMISSION_MISSING,
    404: HealReason.NOT_FOUND_OR_NO_ACCESS,
}
_NO_ENTRY = re.compile(r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled")
_NOT_THERE = re.compile(r"repository '[^']*' not found|Repository not found")
_CUT = re.compile(r"remote failure|failed to report status")
_WORKFLOWS = re.compile(r"workflow", re.IGNORECASE)
_PERMISSION = re.compile(r"`?workflows?`? (?:permission|scope)", re.IGNORECASE)
_PROTECTED = re.compile(r"protected|GH006|GH013|rule violation|declined|merge queue|signed", re.IGNORECASE)
_RACE = re.compile(
    r"fetch first|non-fast-forward|stale info|already exists|failed to update ref|cannot lock|lock ref|old value"
)


def push(git: Git, remote: Remote, sha: str, ref: str, *, expected: str | None, receipt: Receipt) -> None:
    """Push the commit to the branch, which must be at `expected`; None: it must not exist yet.

    Returns when the remote said that the ref is at the commit (also when it already was). Raises `PushNotSent`,
    `PushRefused` or `PushUnanswered`; the last is settled by reading the ref.
    """
    if not isinstance(receipt, Receipt):
        raise TypeError("a push needs the Receipt of its recorded intent")
    if receipt.kind != Kind.PUSH.value:
        raise TypeError("a push needs a Receipt of kind push")
    full = names.branch_ref(ref)
    names.sha(sha)
    with throw_away() as hooks:
        _write_hook(hooks, expected, len(sha))
        try:
            done = _call(git, remote, hooks, f"{sha}:{full}", mark=f"{receipt.operation_id}/{receipt.send}")
        except GitError as error:
            raise _without_end(hooks, error) from None
        outcome = _judged(done, full, hooks, new=expected is None)
    if outcome is not None:
        raise outcome


def _write_hook(folder: Path, expected: str | None, length: int) -> None:
    old = "0" * length if expected is None else names.sha(expected)
    hook = folder / "pre-push"
    hook.write_text(_HOOK.format(folder=shlex.quote(str(folder)), expected=old), encoding="utf-8")
    hook.chmod(0o700)
    if not os.access(hook, os.X_OK):
        # git would go on without it
        raise PushNotSent("a push", why="Programs cannot be run from the folder for temporary files.")


def _call(git: Git, remote: Remote, hooks: Path, spec: str, *, mark: str) -> Done:
    env, redact = remote.call(mark)
    flags = ("--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no", "--no-progress")
    own = Git(folder=git.folder, program=git.program, timeout=git.timeout, transports=remote.transports, redact=redact)
    every = tuple(range(1, 256))
    guard = (f"core.hooksPath={hooks}",)
    return own.run("push", *flags, "--end-of-options", remote.url, spec, env=env, also=(*every, -9), guards=guard)


def _without_end(hooks: Path, error: GitError) -> PushError:
    """For a call that was stopped, or never started."""
    kind = PushUnanswered if (hooks / "asked").exists() else PushNotSent
    return kind("a push", why=error.why or error.what)


def _judged(done: Done, ref: str, hooks: Path, *, new: bool) -> PushError | None:
    """None for a push that took effect; else the error that says what is known of it."""
    taken = HealReason.BRANCH_EXISTS if new else HealReason.PUSH_REJECTED
    if (hooks / "moved").exists():
        return PushRefused(taken, "Somebody else created or moved the ref meanwhile.")
    flag, summary = _line(done, ref)
    if flag in ("*", " ", "=") and done.code == 0:
        return None
    if flag == "!" and not _CUT.search(summary):
        return PushRefused(_reason(summary, done.err, taken), f"{summary} {_remote_words(done.err)}".strip())
    reason = _no_entry(done.err)
    if reason is not None and flag == "":
        return PushRefused(reason, done.err)
    sent = (hooks / "asked").exists()
    return (PushUnanswered if sent else PushNotSent)("a push", why=done.err)


def _line(done: Done, ref: str) -> tuple[str, str]:
    """Flag and summary of git's machine-readable line about the ref; empty without one."""
    for line in done.out.decode("utf-8", "replace").splitlines():
        flag, _, rest = line.partition("\t")
        names_, _, summary = rest.partition("\t")
        if names_.endswith(f":{ref}"):
            return flag, summary
    return "", ""


def _reason(summary: str, err: str, taken: HealReason) -> HealReason:
    words = f"{summary} {_remote_words(err)}"
    if _WORKFLOWS.search(words) and _PERMISSION.search(words):
        return HealReason.WORKFLOWS_PERMISSION
    if _RACE.search(summary):
        return taken
    if _PROTECTED.search(words):
        return HealReason.BRANCH_PROTECTED
    return HealReason.PERMISSION_MISSING if "ermission" in words else HealReason.PUSH_REJECTED


def _remote_words(err: str) -> str:
    lines = (line.removeprefix("remote:").strip() for line in err.splitlines() if line.startswith("remote:"))
    return " ".join(line for line in lines if line)


def _no_entry(err: str) -> HealReason | None:
    """The reason of a definite no that came before any ref was looked at."""
    status = _STATUS.search(err)
    if status and int(status[1]) in _DEFINITE:
        return _DEFINITE[int(status[1])]
    if _NO_ENTRY.search(err):
        return HealReason.CREDENTIAL_INVALID
    return HealReason.NOT_FOUND_OR_NO_ACCESS if _NOT_THERE.search(err) else None
