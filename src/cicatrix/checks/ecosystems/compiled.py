"""Go, Rust and Java: their own tools build and test; linters and scanners where they are installed."""

from __future__ import annotations

from collections.abc import Iterator

from cicatrix.checks.ecosystems.look import Choice, Left, Look, check
from cicatrix.core.health.model import Component


def go(look: Look) -> Iterator[Choice | Left]:
    """Chosen where a go.mod is."""
    if not look.has("go.mod"):
        return
    why = "go.mod is there"
    yield Choice(check("go-vet", Component.LINT, "go", "vet", "./..."), why)
    if look.available("govulncheck"):
        command = ("govulncheck", "-format", "sarif", "./...")
        yield Choice(check("govulncheck", Component.SECURITY, *command, parser="sarif"), f"{why}, and the scanner too")
    else:
        yield Left("govulncheck", "it is not installed")
    yield Choice(check("go-build", Component.BUILD, "go", "build", "./..."), why)
    if look.any("*_test.go", "**/*_test.go"):
        yield Choice(check("go-test", Component.TESTS, "go", "test", "./..."), "files named *_test.go are there")
    else:
        yield Left("go test", "no file is named *_test.go")


def rust(look: Look) -> Iterator[Choice | Left]:
    """Chosen where a Cargo.toml is."""
    if not look.has("Cargo.toml"):
        return
    why = "Cargo.toml is there"
    if look.available("cargo-clippy"):
        # its warnings are nobody's choice; its errors are wrong programs
        yield Choice(check("cargo-clippy", Component.LINT, "cargo", "clippy", "--quiet"), f"{why}, and clippy too")
    else:
        yield Left("clippy", "it is not installed")
    yield Choice(check("cargo-build", Component.BUILD, "cargo", "build", "--quiet"), why)
    yield Choice(check("cargo-test", Component.TESTS, "cargo", "test", "--quiet"), why)


def java(look: Look) -> Iterator[Choice | Left]:
    """Chosen where a pom.xml or a Gradle build is. The repository's own wrapper is used where there is one."""
    if look.has("pom.xml"):
        maven = "./mvnw" if look.has("mvnw") else "mvn"
        why = "pom.xml is there"
        command = (maven, "--batch-mode", "--quiet")
        yield Choice(check("maven-compile", Component.BUILD, *command, "test-compile"), why)
        yield Choice(check("maven-test", Component.TESTS, *command, "test"), why)
    elif found := look.has("build.gradle", "build.gradle.kts"):
        gradle = "./gradlew" if look.has("gradlew") else "gradle"
        command = (gradle, "--no-daemon", "--quiet")
        yield Choice(check("gradle-assemble", Component.BUILD, *command, "assemble"), f"{found} is there")
        yield Choice(check("gradle-test", Component.TESTS, *command, "test"), f"{found} is there")
