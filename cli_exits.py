"""How a command line ends: its exit code, and one line on stderr for what the user got wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import typer

USER_FAULT: Final = 2
RUNS_FAILED: Final = 3
INTERRUPTED: Final = 130


def _user_faults() -> tuple[type[Exception], ...]:
    """The errors that are answered by one line; loaded late, they cost imports."""
    from .scenario import ScenarioError

    late = {"analysis.tables": "OutputError", "agents.strategies": "StrategyError"}
    loaded = {sys.modules.get(f"{__package__}.{module}"): name for module, name in late.items()}
    return (ScenarioError, *(getattr(module, name) for module, name in loaded.items() if module))


def _fail(message: str, code: int = USER_FAULT) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return code


def outcome_of(command: Any, argv: Sequence[str]) -> int:
    """Run a command line; the exit code that it ends with."""
    # The base class of the parser's own errors: click's, or typer's copy of click.
    parse_error: Any = typer.BadParameter.__mro__[2]
    try:
        # Not `command.main`: its errors span several lines.
        with command.make_context("computemarket", list(argv)) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as exit_:
        return exit_.exit_code
    except parse_error as error:
        return _parse_fault(error)
    except (KeyboardInterrupt, typer.Abort) as interrupt:
        return _fail(str(interrupt) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader has seen enough; nothing more may be flushed into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if isinstance(error, _user_faults()):
            return _fail(str(error))
        raise
    return 0


def _parse_fault(error: Any) -> int:
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        if message:
            print(message)
        return USER_FAULT
    return _fail(message)
