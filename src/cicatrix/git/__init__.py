"""REVERTS: own bare mirror and throw-away worktree, reverts with post-conditions, pushes without force."""

from cicatrix.core.changes import FileChange
from cicatrix.git.changes import Author
from cicatrix.git.errors import (
    GitError,
    GitTimeout,
    GitUnsafe,
    PushError,
    PushNotSent,
    PushRefused,
    PushUnanswered,
    RevertRefused,
    ShallowClone,
)
from cicatrix.git.local import LocalFacts, LocalTree, local_facts, local_worktree
from cicatrix.git.mirror import Mirror
from cicatrix.git.names import is_branch
from cicatrix.git.remote import Remote
from cicatrix.git.reverting import Reverted

__all__ = [
    "Author",
    "FileChange",
    "GitError",
    "GitTimeout",
    "GitUnsafe",
    "LocalFacts",
    "LocalTree",
    "Mirror",
    "PushError",
    "PushNotSent",
    "PushRefused",
    "PushUnanswered",
    "Remote",
    "RevertRefused",
    "Reverted",
    "ShallowClone",
    "is_branch",
    "local_facts",
    "local_worktree",
]
