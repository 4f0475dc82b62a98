"""How errors and warnings of builds look: 15 of the one, 10 of the other, and what a person may try.

Each pattern is searched only in lines that hold its plain `word`. None nests a repetition in another one, so a line is
read in time in proportion to the square of its bounded length at worst.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cicatrix.core.remedy.model import Risk

TYPES = ("typescript", "webpack", "dependency", "memory", "syntax", "import", "unknown")
SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of line. Groups may be named file, line, column and code."""

    type: str
    severity: str
    word: str
    """Plain text that every such line holds."""
    expression: re.Pattern[str]
    suggestion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickFix:
    """Something that a person may try; nothing of ours runs it."""

    type: str
    issue: str
    command: str
    about: str
    risk: Risk


_PLACE = r"(?P<file>[^\s:()]{1,300})[:(](?P<line>\d{1,7})[:,](?P<column>\d{1,6})"

ERRORS = (
    Pattern(
        "typescript",
        "high",
        "error TS",
        re.compile(_PLACE + r"\)?(?:: | - )error (?P<code>TS\d{1,6})"),
        "Run the type check by itself and correct the place that it names.",
    ),
    Pattern("typescript", "high", "error TS", re.compile(r"error (?P<code>TS\d{1,6})"), "Check tsconfig.json."),
    Pattern(
        "import",
        "high",
        "Module not found",
        re.compile(r"Module not found: "),
        "Check the path, its case, and that the package is among the dependencies.",
    ),
    Pattern(
        "import",
        "high",
        "Cannot find module",
        re.compile(r"(?:\[(?P<code>MODULE_NOT_FOUND)\]|Cannot find module) "),
        "Install what is missing, or correct the import.",
    ),
    Pattern(
        "import",
        "high",
        "No module named",
        re.compile(r"(?P<code>ModuleNotFoundError|ImportError)?:? ?No module named "),
        "Install what is missing, or correct the import.",
    ),
    Pattern(
        "memory",
        "critical",
        "heap out of memory",
        re.compile(r"(?:JavaScript|Java) heap (?:out of memory)"),
        "Give the build a larger heap, or find what holds the memory.",
    ),
    Pattern(
        "memory",
        "critical",
        "OutOfMemoryError",
        re.compile(r"(?P<code>java\.lang\.OutOfMemoryError|OutOfMemoryError)"),
        "Give the build a larger heap, or find what holds the memory.",
    ),
    Pattern("memory", "critical", "Killed", re.compile(r"^\s*Killed\b"), "The machine ran out of memory."),
    Pattern(
        "dependency",
        "high",
        "ERESOLVE",
        re.compile(r"(?P<code>ERESOLVE)"),
        "Two packages want versions that exclude each other: align them in package.json.",
    ),
    Pattern(
        "dependency",
        "high",
        "code E",
        re.compile(r"npm (?:ERR!|error) code (?P<code>E[A-Z0-9]{2,30})"),
        "Look up the code; bring the lockfile in line when it is about versions.",
    ),
    Pattern(
        "dependency",
        "high",
        "ResolutionImpossible",
        re.compile(r"(?P<code>ResolutionImpossible)"),
        "Two requirements exclude each other: align their versions.",
    ),
    Pattern(
        "dependency",
        "high",
        "missing go.sum entry",
        re.compile(r"missing go\.sum entry"),
        "Run `go mod tidy` and commit go.sum.",
    ),
    Pattern(
        "syntax",
        "high",
        "SyntaxError",
        re.compile(r"(?P<code>SyntaxError)\b"),
        "Correct the place that the line above names.",
    ),
    Pattern(
        "webpack",
        "high",
        "ERROR in",
        re.compile(r"^\s*ERROR in (?P<file>\S{0,300})"),
        "Read the lines that follow: webpack names the module and the reason there.",
    ),
    Pattern("unknown", "medium", "error: ", re.compile(r"(?:" + _PLACE + r": )?(?:fatal )?error: "), ""),
)

WARNINGS = (
    Pattern("dependency", "low", "deprecated", re.compile(r"npm (?:WARN|warn) deprecated "), "Replace the package."),
    Pattern("dependency", "medium", "peer", re.compile(r"npm (?:WARN|warn) .{0,200}\bpeer\b"), "Align the versions."),
    Pattern(
        "dependency",
        "medium",
        "EBADENGINE",
        re.compile(r"(?P<code>EBADENGINE)"),
        "Use the version of Node that the package asks for.",
    ),
    Pattern("webpack", "low", "WARNING in", re.compile(r"^\s*WARNING in (?P<file>\S{0,300})"), ""),
    Pattern("webpack", "low", "asset size limit", re.compile(r"asset size limit"), "Split the bundle."),
    Pattern("typescript", "low", "warning TS", re.compile(r"warning (?P<code>TS\d{1,6})"), ""),
    Pattern("syntax", "low", "DeprecationWarning", re.compile(r"(?P<code>DeprecationWarning)\b"), ""),
    Pattern("syntax", "low", "SyntaxWarning", re.compile(r"(?P<code>SyntaxWarning)\b"), ""),
    Pattern(
        "memory", "medium", "MaxListenersExceededWarning", re.compile(r"(?P<code>MaxListenersExceededWarning)"), ""
    ),
    Pattern("unknown", "low", "warning: ", re.compile(r"(?:" + _PLACE + r": )?warning: "), ""),
)

QUICK_FIXES = (
    QuickFix(
        type="memory",
        issue="The build ran out of memory.",
        command="NODE_OPTIONS=--max-old-space-size=4096 npm run build",
        about="Builds with a larger heap.",
        risk=Risk.LOW,
    ),
    QuickFix(
        type="dependency",
        issue="Installed packages and the lockfile may differ.",
        command="npm ci",
        about="Installs exactly what the lockfile says.",
        risk=Risk.LOW,
    ),
    QuickFix(
        type="dependency",
        issue="Peer dependencies exclude each other.",
        command="npm install --legacy-peer-deps",
        about="Resolves peer dependencies in the old way; what is installed may then not fit together.",
        risk=Risk.MEDIUM,
    ),
    QuickFix(
        type="typescript",
        issue="Types do not fit.",
        command="npx tsc --noEmit",
        about="Checks the types and writes nothing.",
        risk=Risk.LOW,
    ),
    QuickFix(
        type="webpack",
        issue="The build cache may be stale.",
        command="npx rimraf node_modules/.cache",
        about="Clears the build cache.",
        risk=Risk.LOW,
    ),
)
