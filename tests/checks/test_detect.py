"""Detection: a first run needs no configuration, and says what it chose and what it left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cicatrix.checks import detect
from cicatrix.checks.detect import Detected
from cicatrix.core.health.model import Check, Component
from cicatrix.core.lawbook import resolve
from cicatrix.core.lawbook.checks import check_tree
from cicatrix.core.lawbook.layers import LayerKind, validate

L, S, B, T = Component.LINT, Component.SECURITY, Component.BUILD, Component.TESTS


def found(folder: Path, files: Mapping[str, str], *tools: str) -> Detected:
    bins = folder / "bin-of-the-machine"
    bins.mkdir()
    for tool in tools:
        (bins / tool).write_text("#!/bin/sh\n")
        (bins / tool).chmod(0o755)
    place = folder / "repo"
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return detect(place, environ={"PATH": str(bins)})


def commands(detected: Detected) -> dict[Component, list[str]]:
    told: dict[Component, list[str]] = {}
    for check in detected.checks:
        told.setdefault(check.component, []).append(" ".join(check.command))
    return told


RUFF = "ruff check --output-format json --no-cache ."
PYTEST = "python3 -m pytest -q -p no:cacheprovider --junitxml=.cicatrix-junit.xml"
AUDIT = "pip-audit --format json --progress-spinner off"


@pytest.mark.shows("GK-4")
@pytest.mark.parametrize(
    ("files", "tools", "expected"),
    [
        (
            {
                "pyproject.toml": "[tool.ruff]\n",
                "src/a/__init__.py": "",
                "tests/test_a.py": "",
                "requirements.txt": "a==1",
            },
            ("ruff", "pytest", "pip-audit"),
            {
                L: [RUFF],
                S: [f"{AUDIT} --disable-pip --no-deps -r requirements.txt"],
                B: ["python3 -m compileall -q -f src"],
                T: [PYTEST],
            },
        ),
        (
            {"setup.py": "", "shop/__init__.py": "", "tests/__init__.py": "", "tests/test_a.py": ""},
            (),
            {B: ["python3 -m compileall -q -f shop setup.py"], T: ["python3 -m unittest discover -s ."]},
        ),
        (
            {"requirements.txt": "a>=1\n", "app.py": "", "tests/test_a.py": ""},
            ("pip-audit",),
            {
                S: [f"{AUDIT} -r requirements.txt"],
                B: ["python3 -m compileall -q -f app.py"],
                T: ["python3 -m unittest discover -s tests"],
            },
        ),
        (
            {
                "package.json": '{"scripts": {"build": "tsc", "test": "jest"}}',
                "package-lock.json": "{}",
                "eslint.config.js": "",
            },
            ("npm", "node"),
            {
                L: ["npx --no-install eslint --format json ."],
                S: ["npm audit --json"],
                B: ["npm ci --no-audit --no-fund", "npm run build"],
                T: ["npm test"],
            },
        ),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, ("npm",), {}),
        (
            {"go.mod": "module x", "a.go": "", "in/a_test.go": ""},
            ("go", "govulncheck"),
            {L: ["go vet ./..."], S: ["govulncheck -format sarif ./..."], B: ["go build ./..."], T: ["go test ./..."]},
        ),
        (
            {"Cargo.toml": ""},
            ("cargo", "cargo-clippy"),
            {L: ["cargo clippy --quiet"], B: ["cargo build --quiet"], T: ["cargo test --quiet"]},
        ),
        (
            {"pom.xml": ""},
            ("mvn",),
            {B: ["mvn --batch-mode --quiet test-compile"], T: ["mvn --batch-mode --quiet test"]},
        ),
        (
            {"build.gradle.kts": "", "gradlew": ""},
            (),
            {B: ["./gradlew --no-daemon --quiet assemble"], T: ["./gradlew --no-daemon --quiet test"]},
        ),
        ({"README.md": "# x\n"}, ("ruff", "npm", "go"), {}),
    ],
)
def test_what_is_chosen(
    tmp_path: Path, files: dict[str, str], tools: tuple[str, ...], expected: dict[Component, list[str]]
) -> None:
    detected = found(tmp_path, files, *tools)
    assert commands(detected) == expected
    assert set(detected.why) == {check.name for check in detected.checks}


def test_absent_linters_and_scanners_are_left_out_and_named(tmp_path: Path) -> None:
    detected = found(tmp_path, {"pyproject.toml": '[project]\ndependencies = ["a"]\n', "a.py": "", "go.mod": ""})
    assert detected.left_out == (
        "ruff: it is not installed",
        "pip-audit: it is not installed",
        "python tests: no file is named test_*.py",
        "govulncheck: it is not installed",
        "go test: no file is named *_test.go",
    )
    # without their tool builds are asked for all the same: unknown is not green
    assert {check.component for check in detected.checks} == {L, B}


def test_rules_that_nobody_chose_warn(tmp_path: Path) -> None:
    (lint,) = [c for c in found(tmp_path, {"a.py": ""}, "ruff").checks if c.component is L]
    assert lint.blocking is False


def test_projects_below_the_root_bear_their_folder(tmp_path: Path) -> None:
    detected = found(
        tmp_path, {"backend/go.mod": "", "frontend/package.json": "{}", "frontend/package-lock.json": "{}"}
    )
    assert [(c.name, c.directory) for c in detected.checks] == [
        ("backend-go-vet", "backend"),
        ("backend-go-build", "backend"),
        ("frontend-npm-ci", "frontend"),
        ("frontend-npm-audit", "frontend"),
    ]
    assert "backend/govulncheck: it is not installed" in detected.left_out


def test_a_folder_that_the_lawbook_could_not_name_is_passed_over(tmp_path: Path) -> None:
    files = {"b\u00f6se/go.mod": "", "-x/go.mod": "", "a\nb/go.mod": "", ".hidden/go.mod": "", "my_app.v2/go.mod": ""}
    assert {c.directory for c in found(tmp_path, files).checks} == {"my_app.v2"}


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"scripts": []}', '{"scripts": {"build": 7}}', "\x00"])
def test_a_bent_manifest_breaks_nothing(tmp_path: Path, text: str) -> None:
    found(tmp_path, {"package.json": text, "pyproject.toml": text, "requirements.txt": "\x00"}, "pip-audit")


@pytest.mark.shows("GK-4")
def test_everything_that_is_detected_can_be_declared(tmp_path: Path) -> None:
    files = {
        "go.mod": "",
        "a_test.go": "",
        "Cargo.toml": "",
        "pom.xml": "",
        "package.json": '{"scripts": {"build": "x"}}',
    }
    files |= {"package-lock.json": "{}", ".eslintrc": "", "requirements.txt": "a", "test_a.py": ""}
    chosen = found(tmp_path, files, "ruff", "pip-audit", "pytest", "govulncheck", "cargo-clippy").checks
    assert len(chosen) >= 14
    tree = {"checks": [check_tree(check) for check in chosen]}
    layer, problems = validate(tree, {}, "x.yml", kind=LayerKind.REPOSITORY)
    assert not problems
    assert declared(layer) == chosen


def declared(layer: object) -> tuple[Check, ...]:
    return resolve([layer]).lawbook.checks  # type: ignore[list-item]  # None would fail here, which is the point
