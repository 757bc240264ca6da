"""Decision rules of other packages, found by their entry points and loaded when they are needed.

A package declares the modules in which it registers rules, in its `pyproject.toml`:

    [project.entry-points."computemarket.strategies"]
    anything = "its_package.its_module"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Final

GROUP: Final = "computemarket.strategies"


@cache
def load_plugins() -> tuple[str, ...]:
    """Import what installed packages declare, once a process; what could not be, a line each.

    A scenario cannot do so: it names rules, and only installing a package enters them.
    """
    problems = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        try:
            entry.load()
        except Exception as error:
            package = entry.dist.name if entry.dist else "?"
            words = " ".join(f"{type(error).__name__}: {error}".split())
            problems.append(f"plug-in '{entry.name}' of package '{package}': {words}")
    return tuple(problems)
