"""From a name or a path to the plain data of a scenario, `extends` followed.

Files are data: nothing in them is run, and `extends` reaches shipped scenarios and files only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path
from typing import Any, Final

from .checks import build
from .messages import Problem, ScenarioError, nearest, refuse, shown
from .overrides import merge_tables
from .schema import World

NAMED_LISTS: Final = (
    "chips",
    "labs",
    "clouds",
    "chipmakers",
    "investors",
    "programmes",
    "alliances",
)
OTHER_LISTS: Final = (
    "contracts", "loans", "stakes", "letters", "warrants", "backstops", "interventions",
)  # fmt: skip


def shipped_files(folder: Traversable | None = None) -> dict[str, Traversable]:
    """The TOML files of a folder of the package, by name; without a folder, the scenarios."""
    folder = folder or resources.files(__package__ or "computemarket.scenarios")
    files = {f.name.removesuffix(".toml"): f for f in folder.iterdir() if f.name.endswith(".toml")}
    return dict(sorted(files.items()))


def read(name_or_path: str | PathLike[str]) -> tuple[dict[str, Any], str]:
    """The data of a shipped scenario or a file, and what to call it in messages.

    Raises:
        ScenarioError: there is no such scenario, it cannot be read, or it is not TOML.
    """
    file, source = _find(name_or_path, Path())
    return _resolved(file, source, ()), source


def read_plain(
    name_or_path: str | PathLike[str], shipped: Mapping[str, Traversable], what: str
) -> tuple[dict[str, Any], Path | None, str]:
    """The data of a TOML file that extends no other.

    Args:
        name_or_path: of a file, or one of the shipped names.
        shipped: files of the package, by name.
        what: what the file holds, for messages: "study".

    Returns:
        The data, the folder of the file (None for a shipped one), and what to call it in messages.

    Raises:
        ScenarioError: there is no such file, it cannot be read, or it is not TOML.
    """
    file, source = _find(name_or_path, Path(), shipped, what)
    return _read(file, source), file.parent if isinstance(file, Path) else None, source


def read_text(text: str, source: str, folder: Path | None = None) -> dict[str, Any]:
    """The data of a scenario given as TOML text.

    Raises:
        ScenarioError: it is not TOML, or what it extends cannot be read.
    """
    return _extended(_parse(text, source), folder or Path(), source, ())


def with_world_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with every default of `[world]` written out.

    Segments of demand and ratings have defaults of their own, which a file that names only some
    fields of a segment, or some ratings, must not lose.
    """
    world = data.get("world", {})
    if not isinstance(world, Mapping):
        return dict(data)
    return {**data, "world": merge_tables(World().model_dump(mode="json"), world)}


def _find(
    given: str | PathLike[str],
    folder: Path,
    shipped: Mapping[str, Traversable] | None = None,
    what: str = "scenario",
) -> tuple[Traversable, str]:
    text = str(given)
    shipped = shipped_files() if shipped is None else shipped
    if text in shipped:
        return shipped[text], f"{text}.toml"
    path = folder / text
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        is_file = is_folder = False
    if is_file:
        return path, str(path)
    if is_folder:
        raise ScenarioError(f"{path}: given a folder, expected a TOML file or a shipped {what}")
    if text.endswith(".toml") or len(Path(text).parts) > 1:
        raise ScenarioError(f"{path}: there is no such file")
    known = nearest(text, shipped)
    raise ScenarioError(
        f"{shown(text)}: there is no shipped {what} and no file of this name{known}"
    )


def _resolved(file: Traversable, source: str, trail: tuple[str, ...]) -> dict[str, Any]:
    place = str(file.resolve()) if isinstance(file, Path) else str(file)
    if place in trail:
        raise ScenarioError(
            f"{source}: extends: given a file that extends itself, expected another"
        )
    folder = file.parent if isinstance(file, Path) else Path()
    data = _extended(_read(file, source), folder, source, (*trail, place))
    return {"name": file.name.removesuffix(".toml"), **data}


def _read(file: Traversable, source: str) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{source}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ScenarioError(f"{source}: cannot be read: {error.strerror}") from None
    return _parse(text, source)


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise ScenarioError(f"{source}: not valid TOML: {error}") from None
    except RecursionError:
        raise ScenarioError(f"{source}: not valid TOML: nested too deeply") from None


def _extended(
    data: dict[str, Any], folder: Path, source: str, trail: tuple[str, ...]
) -> dict[str, Any]:
    if "extends" not in data:
        return data
    parent = data.pop("extends")
    if not isinstance(parent, str):
        expected = "the name of a shipped scenario or a path"
        raise refuse(source, [Problem("extends", shown(parent), expected)])
    try:
        file, parent_source = _find(parent, folder)
    except ScenarioError as error:
        raise ScenarioError(f"{source}: extends: {error}") from None
    base = _resolved(file, parent_source, trail)
    # Here a message still names the file that the fault is in.
    build(with_world_defaults(base), parent_source)
    base.pop("name")
    return _over(base, data)


def _over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario laid over the one it extends."""
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        if isinstance(old, list) and isinstance(value, list):
            if key in NAMED_LISTS:
                merged[key] = _by_name(old, value)
            elif key in OTHER_LISTS:
                merged[key] = [*old, *value]
            else:
                merged[key] = value
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_tables(old, value)
        else:
            merged[key] = value
    return merged


def _by_name(base: list[Any], top: list[Any]) -> list[Any]:
    merged = list(base)
    open_places = {e["name"]: i for i, e in enumerate(base) if isinstance(e, Mapping)}
    for entry in top:
        name = entry.get("name") if isinstance(entry, Mapping) else None
        # Each entry of the base is taken once, so that a name given twice is found out later.
        place = open_places.pop(name, None) if isinstance(name, str) else None
        if place is None:
            merged.append(entry)
        else:
            merged[place] = merge_tables(merged[place], entry)
    return merged
