"""A compiler, linter or formatter that names a place in the code (strong)."""

# ruff: noqa: E501 -- a pattern or a sample line is one thing and is read in one piece

from __future__ import annotations

from cicatrix.core.verdict import FailureClass, Strength
from cicatrix.diagnosis.rule import Rule

_NET = (r"\b(?:Get|Head) \"?https?://", r"\bdial tcp\b", r": reading https?://")


def _build(
    name: str,
    *match: str,
    examples: tuple[str, ...],
    counter: tuple[str, ...] = (),
    rank: int = 5,
    unless: tuple[str, ...] = (),
    near_end: int = 2_000,
) -> Rule:
    return Rule(
        id=name,
        failure_class=FailureClass.DETERMINISTIC,
        strength=Strength.STRONG,
        match=match,
        unless=unless,
        near_end=near_end,
        rank=rank,
        examples=examples,
        counter_examples=counter,
    )


BUILD: tuple[Rule, ...] = (
    _build(
        "compile.jvm",
        r"\.(?:java|kt|scala|groovy):\[\d+,\d+\]",
        r"\.(?:java|kt|scala|groovy):(?:\d+:){1,2} error: ",
        r"^e: \S.{0,300}\.kts?:",
        r"^\[error\] .*\.scala:\d+(?::\d+)?: ",
        rank=8,
        examples=(
            "[ERROR] /home/runner/work/a/src/main/java/A.java:[3,26] cannot find symbol",
            "src/main/java/A.java:38: error: incompatible types: timeout cannot be converted to int",
        ),
        counter=("[WARNING] /home/runner/work/a/src/main/java/A.java:[3,26] deprecated",),
    ),
    _build(
        "compile.jvm_summary",
        r"\bCOMPILATION ERROR :",
        r"^\[javac\] [1-9]\d* errors?$",
        r"^\[error\] .{0,80}Compilation failed",
        r"Failed to execute goal [^ \n]{1,120}(?:compiler|kotlin|scala)[^ \n]{0,60}:(?:testCompile|test-compile|compile)\b",
        r"^> Compilation (?:failed|error)[;.]",
        unless=(r"(?i)no space left",),
        rank=5,
        examples=("[ERROR] COMPILATION ERROR :", "> Compilation failed; see the compiler error output for details."),
        counter=("[INFO] Compiling 3 source files",),
    ),
    _build(
        "compile.native",
        r"\.(?:c|cc|cpp|cxx|h|hpp|hh|m|mm|cu|swift):\d+:(?:\d+:)? (?:fatal )?error: ",
        r"\((?:\d+)(?:,\d+)?\): (?:fatal )?error C\d{4}: ",
        r": fatal error LNK\d{4}: ",
        r": undefined reference to [`']",
        rank=8,
        examples=("/src/a.cpp:12:26: error: no matching function for call to 'timeout'",),
        counter=("/src/a.cpp:12:26: warning: unused variable",),
    ),
    _build(
        "compile.go",
        r"^[\w./@ :-]*\.go:\d+:\d+: [^ \n]",
        r"^# [\w./-]+ \[[\w./-]+\.test\]$",
        unless=_NET,
        rank=8,
        examples=("internal/a/b_test.go:559:42: undefined: plans.Timeout",),
        counter=('internal/a/b.go:19:2: example.org/m@v1.0.0: Get "https://proxy.modules.example/m.zip": EOF',),
    ),
    _build(
        "compile.rust",
        r"^error\[E\d{4}\]: ",
        r"^error: could not compile `",
        r"^error: aborting due to ",
        unless=(r"\(signal: 9",),
        rank=7,
        examples=("error[E0308]: mismatched types", "error: could not compile `app` due to 2 previous errors"),
        counter=("warning: unused import",),
    ),
    _build(
        "compile.typescript",
        r"\berror TS\d{4,5}: ",
        rank=8,
        examples=("src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.",),
        counter=("0 errors",),
    ),
    _build(
        "compile.python",
        r"^(?:E +)?(?:SyntaxError|IndentationError|TabError): ",
        r"^(?:E +)?(?:ModuleNotFoundError|ImportError): (?:No module named|cannot import name)",
        r"^(?:E +)?ImportError: .{1,200}cannot open shared object file",
        r"^[ \t]*ERROR: Failed building wheel for ",
        rank=5,
        examples=("SyntaxError: invalid syntax", "ModuleNotFoundError: No module named 'yaml'"),
        counter=("raises SyntaxError: handled",),
    ),
    _build(
        "compile.cmake",
        r"^CMake Error at ",
        r"^ninja: error: ",
        rank=4,
        examples=("CMake Error at CMakeLists.txt:3 (message):",),
        counter=("CMake Warning at CMakeLists.txt:3 (message):",),
    ),
    _build(
        "compile.android",
        r"\.xml:\d+: error: ",
        r"\bAAPT: error: ",
        rank=7,
        examples=("res/layout/a.xml:36: error: No resource identifier found for attribute 'x'",),
        counter=("res/layout/a.xml:36: warning: x",),
    ),
    _build(
        "lint.python",
        r"\.pyi?:\d+:\d+:? [A-Z]{1,4}\d{3,4}\b",
        r"\.pyi?:\d+: error: ",
        r"^(?:would reformat |\d+ files? would be reformatted)",
        r"^Found \d+ errors? in \d+ files?",
        rank=6,
        examples=(
            "src/a.py:3:1: F401 'os' imported but unused",
            "would reformat src/a.py",
            "src/a.py:7: error: Missing return",
        ),
        counter=("All done! 3 files would be left unchanged.",),
    ),
    _build(
        "lint.javascript",
        r"✖ \d+ problems? \([1-9]\d* errors?",
        r"^\[warn\] Code style issues (?:found|were found) in ",
        rank=6,
        examples=("✖ 3 problems (3 errors, 0 warnings)",),
        counter=("✖ 3 problems (0 errors, 3 warnings)",),
    ),
    _build(
        "lint.jvm",
        r"\bYou have [1-9]\d* (?:Checkstyle|PMD|CPD) violations?",
        r"\bExecution failed for task '[^'\n]{0,80}(?:checkstyle|spotless|pmd|detekt|ktlint|lint)",
        r"Failed to execute goal [^ \n]{1,120}(?:checkstyle|pmd|spotbugs|findbugs|spotless|rat|license|animal-sniffer|enforcer|"
        r"japicmp|clirr|formatter)[^ \n]{0,60}:\w",
        r"^\[ERROR\] .{1,300}: Undefined reference: ",
        rank=7,
        examples=(
            "Execution failed for task ':app:checkstyleMain'.",
            (
                "[ERROR] Failed to execute goal org.apache.rat:apache-rat-plugin:0.13:check (default) on project a: Too many "
                "files with unapproved license: 1"
            ),
        ),
        counter=("[INFO] --- maven-checkstyle-plugin:3.1:check (default) @ a ---",),
    ),
    _build(
        "lint.go",
        r"\bgo\.mod/go\.sum are not up-to-date\b",
        r"^go: updates to go\.mod needed",
        r"\bmissing go\.sum entry for ",
        r"^gofmt needs running on the following files",
        r"^File is not `?(?:gofmt|goimports|gofumpt)",
        rank=7,
        examples=("ERROR: go.mod/go.sum are not up-to-date. Run 'go mod tidy' and then commit the updated files.",),
        counter=("go: downloading example.org/m v1.0.0",),
    ),
    _build(
        "lint.rust",
        r"^Diff in .{1,300} at line \d+",
        r"^Diff in /\S{1,300}:\d+:",
        r"^error: .{0,200}requested on the command line with `-D ",
        rank=6,
        examples=("Diff in /home/runner/src/main.rs at line 12:",),
        counter=("diff --git a/x b/x",),
    ),
    _build(
        "lint.ruby",
        r"^\d+ files? inspected, [1-9]\d* offenses? detected",
        rank=6,
        examples=("12 files inspected, 1 offense detected",),
        counter=("12 files inspected, no offenses detected",),
    ),
    _build(
        "lint.pre_commit",
        r"^- files were modified by this hook",
        rank=6,
        examples=("- files were modified by this hook",),
        counter=("black....................Passed",),
    ),
    _build(
        "lint.failed",
        r"\bLinter failed\b",
        r"^>>> Lint for \S",
        r"^The command \"(?:pep8|flake8|pylint|pycodestyle|mypy|eslint|rubocop|black|isort)\b.{0,200}\" exited with [1-9]",
        rank=3,
        examples=('The command "flake8 src" exited with 1.',),
        counter=('The command "flake8 src" exited with 0.',),
    ),
    _build(
        "audit.vulnerable",
        r"^error: \d+ (?:vulnerabilit(?:y|ies)|denied warnings?) found",
        r"^\d+ vulnerabilities \(.{0,80}(?:high|critical)\)",
        r"^Found \d+ known vulnerabilit(?:y|ies) in \d+ packages?",
        rank=6,
        examples=("error: 1 vulnerability found!",),
        counter=("found 0 vulnerabilities",),
    ),
)
