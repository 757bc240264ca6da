"""Result tables: their rows, and a run on disk.

A run folder has one Parquet file a table, the manifest, and the scenario as resolved.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..market.columns import TABLES
from ..market.recorder import arrow_schema

__all__ = [
    "AnyTables",
    "OutputError",
    "Tables",
    "arrow_schema",
    "check_output",
    "columns",
    "events_of",
    "failure_reason",
    "is_a",
    "parse_details",
    "read_manifest",
    "read_run",
    "records",
    "write_run",
]

Tables = Mapping[str, pd.DataFrame]  # the result tables of a run by name, or some of them
AnyTables = Mapping[str, pd.DataFrame] | Mapping[str, pa.Table]  # or as Arrow has them

MANIFEST = "manifest.json"
SCENARIO = "scenario.toml"


def columns(tables: AnyTables, table: str, *names: str) -> pa.Table:
    """Some columns of a result table as Arrow, which is quicker than pandas on some 1,000 rows."""
    given = tables[table]
    if isinstance(given, pa.Table):
        return given.select(names)
    schema = pa.schema([arrow_schema(table).field(name) for name in names])
    return pa.Table.from_pandas(given, schema, preserve_index=False)


def events_of(tables: AnyTables, kind: str) -> list[dict[str, Any]]:
    """The events of a kind as dictionaries, with their details parsed."""
    names = ("month", "kind", "firm", "counterparty", "amount_usd", "text", "details")
    events = columns(tables, "events", *names)
    rows = events.filter(pc.equal(events["kind"], kind)).to_pylist()
    return [row | {"details": parse_details(row["details"])} for row in rows]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries."""
    return cast("list[dict[str, Any]]", table.to_dict("records"))


def parse_details(text: object) -> dict[str, Any]:
    """The details of an event; empty where there are none."""
    details = json.loads(text) if isinstance(text, str) and text else {}
    return details if isinstance(details, dict) else {}


class OutputError(Exception):
    """A folder that cannot be written, or is not what it should be; one line says why."""


def check_output(directory: str | Path, kind: str = "run") -> None:
    """Raise `OutputError` unless a folder of this kind may be written here.

    A run takes time, so the command line asks before it plays.
    """
    target = _resolved(directory)
    try:
        _refuse_foreign(target, kind)
        parent = _existing_parent(target)
        probe = _sibling(parent / target.name, "probe")
        probe.mkdir()  # the only sure test: permissions do not bind root, mounts may be read-only
        probe.rmdir()
    except OSError as error:
        raise OutputError(f"cannot write to '{directory}': {failure_reason(error)}") from error


def write_run(
    directory: str | Path,
    tables: Mapping[str, pa.Table],
    manifest: Mapping[str, Any],
    scenario_toml: str,
    extras: Callable[[Path], object] | None = None,
) -> Path:
    """Write a run folder whole, or leave what was there before.

    Args:
        directory: a new or empty folder, or an earlier run, which is replaced.
        tables: the six result tables by name.
        manifest: seed, versions and the like; `kind` is set to "run".
        scenario_toml: the scenario as resolved.
        extras: called with the temporary folder to add more files, such as figures.

    Returns:
        The folder written.

    Raises:
        OutputError: one line on why the folder cannot be written.
    """
    check_output(directory)
    target = _resolved(directory)
    missing = [parent for parent in target.parents if not parent.exists()]  # deepest first
    draft = _sibling(target, "draft")
    try:
        draft.mkdir(parents=True)
        for name in TABLES:
            (draft / f"{name}.parquet").write_bytes(_parquet(name, tables[name]))
        text = json.dumps({**manifest, "kind": "run"}, indent=2, allow_nan=False)
        (draft / MANIFEST).write_text(text + "\n", encoding="utf-8")
        (draft / SCENARIO).write_text(scenario_toml, encoding="utf-8")
        if extras is not None:
            extras(draft)
        _replace(target, draft)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        for folder in missing:
            with suppress(OSError):  # not made yet, or in use by someone else by now
                folder.rmdir()
        if isinstance(error, OSError):
            raise OutputError(f"cannot write '{directory}': {failure_reason(error)}") from error
        raise
    return target


def read_run(directory: str | Path) -> dict[str, pd.DataFrame]:
    """The six tables of a run folder as frames, by name.

    Raises:
        OutputError: the folder is not a run, or lacks a table.
    """
    folder = Path(directory)
    read_manifest(folder, "run")
    try:
        return {
            # no partitioning: a folder named `seed=1` above would become a column
            name: pq.read_table(folder / f"{name}.parquet", partitioning=None).to_pandas()
            for name in TABLES
        }
    except (OSError, pa.ArrowInvalid) as error:
        raise OutputError(f"cannot read '{directory}': {failure_reason(error)}") from error


def _parquet(name: str, table: pa.Table) -> bytes:
    """The bytes of one table: nothing in them depends on the time or on pandas' metadata."""
    schema = arrow_schema(name)
    if sorted(table.column_names) != sorted(schema.names):
        odd = sorted(set(table.column_names) ^ set(schema.names))
        raise ValueError(f"table '{name}' does not fit market/columns.py: {', '.join(odd)}")
    sink = pa.BufferOutputStream()
    pq.write_table(table.select(schema.names).cast(schema), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def read_manifest(directory: str | Path, kind: str) -> dict[str, Any]:
    """The manifest of a folder of this kind.

    Raises:
        OutputError: the folder is something else.
    """
    try:
        manifest = json.loads((Path(directory) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("kind") != kind:
        raise OutputError(f"'{directory}' is not a {kind} folder")
    return manifest


def is_a(directory: str | os.PathLike[str], kind: str) -> bool:
    """Whether this is a folder of that kind."""
    try:
        read_manifest(Path(directory), kind)
    except OutputError:
        return False
    return True


def _refuse_foreign(target: Path, kind: str) -> None:
    """Raise unless the target is absent, an empty folder or an earlier one of its kind."""
    if target.is_dir():
        if any(target.iterdir()):
            try:
                read_manifest(target, kind)
            except OutputError as error:
                raise OutputError(
                    f"'{target}' exists and is not a {kind} folder: name another one"
                ) from error
    elif target.exists():
        raise OutputError(f"'{target}' exists and is not a folder: name another one")


def _resolved(directory: str | Path) -> Path:
    """The real path: a link to a run folder stays a link."""
    return Path(os.path.realpath(directory))


def _existing_parent(target: Path) -> Path:
    """The nearest folder above the target that is there already."""
    for parent in target.parents:
        if parent.is_dir():
            return parent
        if parent.exists():
            raise OutputError(f"cannot write to '{target}': '{parent}' is not a folder")
    raise OutputError(f"cannot write to '{target}': no folder above it exists")


def _sibling(target: Path, purpose: str) -> Path:
    """A name beside the target that no other process uses."""
    return target.with_name(f".{target.name[:60]}.{purpose}-{os.getpid()}-{secrets.token_hex(4)}")


def _replace(target: Path, draft: Path) -> None:
    """Put the draft in the target's place; at no moment is neither of them there."""
    if not target.exists():
        draft.rename(target)
    elif _exchange(target, draft):
        shutil.rmtree(draft, ignore_errors=True)  # now holds the earlier run
    else:
        old = _sibling(target, "old")
        target.rename(old)
        try:
            draft.rename(target)
        except BaseException:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step where the system can (Linux); False where it cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def failure_reason(error: BaseException) -> str:
    """One line without the path, which the message names already."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).splitlines()[0]
