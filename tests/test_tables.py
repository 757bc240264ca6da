"""Run folders: what is written comes back, whole or not at all, and never over foreign files."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from computemarket.analysis import tables as module
from computemarket.analysis.tables import (
    OutputError,
    arrow_schema,
    check_output,
    read_run,
    write_run,
)
from computemarket.market.columns import TABLES

MANIFEST = {"seed": 1, "months": 72}


@pytest.fixture(scope="module")
def arrow(run_tables):
    return {
        name: pa.Table.from_pandas(table, arrow_schema(name), preserve_index=False)
        for name, table in run_tables.items()
    }


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_schema_follows_columns():
    schema = arrow_schema("contracts")
    assert schema.names == [name for name, _ in TABLES["contracts"]]
    assert schema.field("binding").type == pa.bool_()
    assert schema.field("amount_usd").type == pa.int64()
    assert schema.field("price_usd").type == pa.float64()


def test_what_is_written_comes_back(tmp_path, arrow, run_tables):
    folder = write_run(tmp_path / "a" / "b", arrow, MANIFEST, "name = 'x'\n")
    assert json.loads((folder / "manifest.json").read_text()) == {**MANIFEST, "kind": "run"}
    assert (folder / "scenario.toml").read_text() == "name = 'x'\n"
    back = read_run(folder)
    assert list(back) == list(TABLES)
    for name, table in run_tables.items():
        pd.testing.assert_frame_equal(back[name], table, check_dtype=False)


def test_schema_is_fixed_even_when_all_null(tmp_path):
    empty = {name: arrow_schema(name).empty_table() for name in TABLES}
    folder = write_run(tmp_path / "out", empty, MANIFEST, "")
    for name in TABLES:
        assert pq.read_schema(folder / f"{name}.parquet").equals(arrow_schema(name))
        assert not pq.read_schema(folder / f"{name}.parquet").metadata


def test_bytes_are_the_same_under_another_column_order_and_metadata(tmp_path, arrow):
    one = write_run(tmp_path / "one", arrow, MANIFEST, "")
    shuffled = {
        name: table.select(table.column_names[::-1]).replace_schema_metadata({"made": "now"})
        for name, table in arrow.items()
    }
    two = write_run(tmp_path / "two", shuffled, MANIFEST, "")
    for name in TABLES:
        assert (one / f"{name}.parquet").read_bytes() == (two / f"{name}.parquet").read_bytes()


def test_partition_like_parents_add_no_column(tmp_path, arrow):
    folder = write_run(tmp_path / "seed=1" / "run", arrow, MANIFEST, "")
    assert "seed" not in read_run(folder)["months"].columns


@pytest.mark.parametrize("can_exchange", [True, False])
def test_an_earlier_run_is_replaced_whole(tmp_path, arrow, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    folder = write_run(tmp_path / "out", arrow, {"seed": 1}, "")
    (folder / "old.png").write_bytes(b"old")
    write_run(folder, arrow, {"seed": 2}, "", extras=lambda draft: (draft / "new.png").touch())
    assert json.loads((folder / "manifest.json").read_text())["seed"] == 2
    assert not (folder / "old.png").exists()
    assert (folder / "new.png").exists()
    assert leftovers(tmp_path) == ["out"]


def test_an_empty_folder_and_a_link_are_fine(tmp_path, arrow):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    write_run(tmp_path / "link", arrow, MANIFEST, "")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty" / "months.parquet").exists()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left")])
def test_a_failure_leaves_the_earlier_run(tmp_path, arrow, interrupt):
    folder = write_run(tmp_path / "out", arrow, {"seed": 1}, "")

    def fail(draft: Path) -> None:
        raise interrupt

    with pytest.raises((KeyboardInterrupt, OutputError)):
        write_run(folder, arrow, {"seed": 2}, "", extras=fail)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        write_run(tmp_path / "new" / "deep", arrow, {"seed": 2}, "", extras=fail)
    assert json.loads((folder / "manifest.json").read_text())["seed"] == 1
    assert leftovers(tmp_path) == ["out"]


def test_a_full_disk_is_one_line(tmp_path, arrow, monkeypatch):
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError) as error:
        write_run(tmp_path / "out", arrow, MANIFEST, "")
    assert str(error.value) == f"cannot write '{tmp_path / 'out'}': No space left on device"
    assert leftovers(tmp_path) == []


def occupied(tmp_path: Path, how: str) -> Path:
    target = tmp_path / "out"
    match how:
        case "file":
            target.write_text("mine")
        case "folder":
            target.mkdir()
            (target / "thesis.tex").write_text("mine")
        case "study":
            target.mkdir()
            (target / "manifest.json").write_text('{"kind": "study"}')
        case "broken manifest":
            target.mkdir()
            (target / "manifest.json").write_text("[1,")
        case "parent is a file":
            target.write_text("mine")
            target = target / "deep" / "run"
        case "read-only":
            target = Path("/proc/out")
        case "name too long":
            target = tmp_path / ("x" * 300)
    return target


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("file", "not a folder"),
        ("folder", "not a run folder"),
        ("study", "not a run folder"),
        ("broken manifest", "not a run folder"),
        ("parent is a file", "not a folder"),
        pytest.param(
            "read-only",
            "cannot write",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
        ),
        ("name too long", "cannot write"),
    ],
)
def test_refusals_are_one_line_and_touch_nothing(tmp_path, arrow, how, words):
    target = occupied(tmp_path, how)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for attempt in (check_output, lambda d: write_run(d, arrow, MANIFEST, "")):
        with pytest.raises(OutputError, match=words) as error:
            attempt(target)
        assert len(str(error.value).splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_check_leaves_no_trace(tmp_path):
    check_output(tmp_path / "a" / "b")
    assert leftovers(tmp_path) == []


def test_a_table_that_does_not_fit_is_refused(tmp_path, arrow):
    odd = {**arrow, "flows": arrow["flows"].append_column("extra", arrow["flows"]["month"])}
    with pytest.raises(ValueError, match=r"'flows' does not fit .*extra"):
        write_run(tmp_path / "out", odd, MANIFEST, "")
    assert leftovers(tmp_path) == []


def test_reading_what_is_no_run(tmp_path, arrow):
    with pytest.raises(OutputError, match="not a run folder"):
        read_run(tmp_path / "absent")
    folder = write_run(tmp_path / "out", arrow, MANIFEST, "")
    (folder / "flows.parquet").write_bytes(b"no parquet")
    with pytest.raises(OutputError, match="cannot read"):
        read_run(folder)
    (folder / "flows.parquet").unlink()
    with pytest.raises(OutputError, match="cannot read"):
        read_run(folder)


KILLED = """
import os, sys
import pyarrow as pa
from computemarket.analysis import tables
empty = {name: tables.arrow_schema(name).empty_table() for name in tables.TABLES}
tables.write_run(sys.argv[1], empty, {"seed": 2}, "", extras=lambda draft: os._exit(9))
"""


def test_a_killed_process_leaves_the_earlier_run(tmp_path, arrow):
    folder = write_run(tmp_path / "out", arrow, {"seed": 1}, "")
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert done.returncode == 9
    assert json.loads((folder / "manifest.json").read_text())["seed"] == 1
    assert len(read_run(folder)["months"]) == arrow["months"].num_rows
