"""The command itself: runs the Typer application and turns whatever happens into output and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from cicatrix.settings.surroundings import Surroundings

from . import state
from .errors import Code, Stop, explained
from .screen import Screen

EVERYWHERE = {"-v": "--verbose", "--verbose": "--verbose", "--no-color": "--no-color"}
"""Options that may stand anywhere on the command line."""


def main() -> NoReturn:
    """Entry point of `cicatrix`."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """One command, from its arguments to its exit code. Never raises."""
    around = Surroundings.read()
    given, front = _lifted(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # a stream that a test put there
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # TextIOWrapper has it, TextIO has not
    screen = Screen(
        inside_actions=around.inside_actions,
        color=not around.no_color and "--no-color" not in front,
        verbose="--verbose" in front,
    )
    state.screen = screen
    try:
        return _run([*front, *given], screen)
    except BrokenPipeError:
        # the reader of our output went away; nothing more may be written, not even at exit
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Code.ERROR


def _run(arguments: list[str], screen: Screen) -> int:
    from .app import NOUNS, app  # noqa: PLC0415 -- the streams and switches come first

    words = [word for word in arguments if word not in EVERYWHERE.values()]
    if not words or (len(words) == 1 and words[0] in NOUNS):  # nothing was asked for: say what there is
        arguments = [*arguments, "--help"]
    try:
        code = app(args=arguments, prog_name="cicatrix", standalone_mode=False)
        return code if isinstance(code, int) else Code.DONE
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        screen.fail(
            "Interrupted.", "Somebody pressed Ctrl-C.", "What was sent stays recorded; `cicatrix tick` goes on."
        )
        return Code.INTERRUPTED
    except typer.TyperException as wrong:
        return _usage(wrong, arguments, screen)
    except Exception as error:  # noqa: BLE001 -- the last line of defence: no traceback reaches a person unasked
        return _failed(error, screen)


def _usage(wrong: typer.TyperException, arguments: Sequence[str], screen: Screen) -> int:
    message = wrong.format_message() or "No command was given."
    words = _command(arguments)
    command = " ".join(["cicatrix", *words])
    screen.fail("The command cannot be understood.", message, f"`{command} --help` shows how it is written.")
    return Code.GATE_USAGE if words == ["gate"] else wrong.exit_code


def _command(arguments: Sequence[str]) -> list[str]:
    """The words of the line that name the command."""
    from .app import NOUNS, VERBS  # noqa: PLC0415 -- the streams and switches come first

    words = [word for word in arguments if not word.startswith("-")]
    if words and words[0] in NOUNS:
        return words[:2] if len(words) > 1 and words[1] in NOUNS[words[0]] else words[:1]
    return words[:1] if words and words[0] in VERBS else []


def _failed(error: Exception, screen: Screen) -> int:
    if screen.verbose:
        import traceback  # noqa: PLC0415 -- only with -v

        screen.trace("".join(traceback.format_exception(error)))
    stop = explained(error) or Stop(
        "Cicatrix failed in a way that it should not.",
        f"{type(error).__name__}: {error}",
        "Run it again with -v for the traceback, and report it with that.",
    )
    screen.fail(stop.what, stop.why, stop.next)
    return stop.code


def _lifted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments, and apart from them the options that may stand anywhere (before a bare `--`)."""
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    front = list(dict.fromkeys(EVERYWHERE[word] for word in given[:end] if word in EVERYWHERE))
    return [word for place, word in enumerate(given) if place >= end or word not in EVERYWHERE], front
