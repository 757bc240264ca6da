"""A study on disk: what was asked, and Parquet parts that workers add while it runs.

Parts are named by their content and appear whole or not at all, so that a study may be killed at
any moment and resumed. A run may be in two parts when its worker was taken for dead; readers drop
what is repeated.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..analysis.outcomes import FIRM_COLUMNS
from ..analysis.tables import (
    MANIFEST,
    OutputError,
    check_output,
    failure_reason,
    read_manifest,
)
from ..analysis.wording import BASE, FAILED, OK
from ..market.column import Kind, schema_of
from ..market.columns import MONTHS
from ..market.recorder import ARROW
from ..scenario import to_toml
from ..scenarios.short import counted, few
from .study import RUN_ENDING, RUN_IDENTITY, Study, Variant, load_study, study_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from .plan import Plan

TableName = Literal["runs", "firm_outcomes", "months"]

STUDY: Final = "study.toml"
POINTS: Final = "points.csv"
TABLES: Final[tuple[TableName, ...]] = ("firm_outcomes", "months", "runs")
KEYS: Final[Mapping[TableName, list[str]]] = {  # what names a row
    "runs": ["run_id"],
    "firm_outcomes": ["run_id", "firm"],
    "months": ["run_id", "month"],
}
RUN_KEY: Final = ("run_id", "variant", "replication", "seed")  # of a run in the other tables


class StudyFolder:
    """A study folder: its tables as frames, or as Parquet for DuckDB and the like."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Open a folder that `run_study` has made.

        Raises:
            OutputError: it is not the folder of a study.
        """
        self.path = Path(directory)
        self.manifest = read_manifest(self.path, "study")

    @cached_property
    def study(self) -> Study:
        """What was asked."""
        return load_study(self.path / STUDY)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row a run: variant, point, seed, factors, status, outcomes.

        In the order of the study: its variants as it lists them, then point, then replication.
        """
        return self._frame("runs")

    @cached_property
    def firm_outcomes(self) -> pd.DataFrame:
        """A row a run and firm: when it ran short, whom it bought from, what it raised.

        In the order of `runs`, then of the firms' names.
        """
        return self._frame("firm_outcomes")

    @cached_property
    def months(self) -> pd.DataFrame | None:
        """A row a run and month in this order, where the study keeps them, else None."""
        return self._frame("months") if self.study.months else None

    @property
    def frames(self) -> dict[str, pd.DataFrame | None]:
        """The tables by name."""
        tables = {"runs": self.runs, "firm_outcomes": self.firm_outcomes}
        return tables | {"months": self.months}

    def statuses(self) -> dict[str, str]:
        """Status of each run that was played, by run_id: "ok" wherever it once was."""
        table = _read(self.path, "runs", ["run_id", "status"])
        known = dict(zip(*(table[c].to_pylist() for c in table.column_names), strict=True))
        done = table.filter(pc.equal(table["status"], OK))["run_id"].to_pylist()
        return known | dict.fromkeys(done, OK)

    def _frame(self, name: TableName) -> pd.DataFrame:
        """A table in the order of the study, without what is repeated."""
        frame = _read(self.path, name).to_pandas()
        if name == "runs":
            # Of a run that failed and was played again, the row that worked.
            frame = frame.iloc[(frame["status"] != OK).argsort(kind="stable")]
            first, listed, *others = "variant", self.manifest["variants"], "point", "replication"
        else:
            # Last the rows of runs whose worker died before it entered them in `runs`.
            listed = [*self.runs["run_id"], *sorted(frame["run_id"].unique())]
            first, *others = KEYS[name]
        places = {value: place for place, value in enumerate(dict.fromkeys(listed))}
        return frame.drop_duplicates(KEYS[name]).sort_values(
            [first, *others],
            key=lambda column: column.map(places) if column.name == first else column,
            ignore_index=True,
        )

    def __repr__(self) -> str:
        """Folder, variants, and how far it is."""
        variants, outcomes = self.manifest["variants"], len(self.manifest["outcomes"])
        return "; ".join(
            [
                f"<StudyFolder {self.path}: {self._progress()}",
                f"variants {few(variants)}",
                f"{counted(outcomes, 'outcome')}>",
            ]
        )

    def _progress(self) -> str:
        """`40 of 40 runs, 2 failed`."""
        asked = counted(self.manifest["runs"], "run")
        try:
            statuses = self.statuses()
        except OutputError:  # it has been moved or deleted since
            return f"{asked} asked for, which cannot be read"
        failed = sum(status in FAILED for status in statuses.values())
        return f"{len(statuses):,} of {asked}" + (f", {failed:,} failed" if failed else "")


def variant_file(folder: Path, variant: str) -> Path:
    """Where a study keeps the scenario of a variant."""
    return folder / "scenarios" / f"{variant}.toml"


def take_folder(directory: str | os.PathLike[str], plan: Plan) -> StudyFolder:
    """Make the folder of a study, or take up that of the same study.

    Args:
        directory: a new or empty folder, or that of the same study, which may have had fewer
            replications.
        plan: the study as checked.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
    """
    path = Path(directory)
    check_output(path, "study")
    known = _identity(path)
    if known not in (None, plan.identity()):
        raise OutputError(
            f"'{directory}' holds another study, or the same one as run by another version: "
            "name another folder"
        )
    with writing(directory):
        if known is None:
            _lay_out(path, plan)
        else:
            for name in TABLES:
                for draft in (path / name).glob(".*.tmp"):
                    draft.unlink(missing_ok=True)
            _describe(path, _longest(path, plan))
    return StudyFolder(path)


def write_part(folder: Path, name: TableName, table: pa.Table) -> None:
    """Add rows to a table of a study.

    Raises:
        OutputError: the disk is full, or the folder is gone.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    digest = blake2b(content, digest_size=12).hexdigest()
    with writing(folder):
        write_file(folder / name / f"part-{digest}.parquet", content)


def forget_failures(folder: Path) -> int:
    """Take the runs that failed out of the table of runs; how many there were."""
    forgotten = 0
    for file in sorted((folder / "runs").glob("*.parquet")):
        table = pq.read_table(file, partitioning=None)
        kept = table.filter(pc.invert(pc.is_in(table["status"], pa.array(FAILED))))
        if kept.num_rows < table.num_rows:
            forgotten += table.num_rows - kept.num_rows
            if kept.num_rows:
                write_part(folder, "runs", kept)
            with writing(folder):
                file.unlink()
    return forgotten


def schemas(plan: Plan) -> dict[TableName, pa.Schema]:
    """The columns of a study's tables, the same in all parts."""
    names = [factor.column for factor in plan.study.factors]
    factors: dict[str, Kind] = dict(zip(names, plan.kinds, strict=True))
    outcomes: dict[str, Kind] = dict.fromkeys(plan.outcomes, "float")
    identity, ending = dict(schema_of(RUN_IDENTITY)), dict(schema_of(RUN_ENDING))
    key = {name: identity[name] for name in RUN_KEY}
    columns: dict[TableName, dict[str, Kind]] = {
        "runs": {**identity, **factors, **ending, **outcomes},
        "firm_outcomes": {**key, **dict(FIRM_COLUMNS)},
        "months": {**key, **dict(MONTHS)},
    }
    return {
        table: pa.schema([(name, ARROW[kind]) for name, kind in kinds.items()])
        for table, kinds in columns.items()
    }


@contextmanager
def writing(folder: str | os.PathLike[str]) -> Iterator[None]:
    """What the system refuses becomes one line for the user."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write '{folder}': {failure_reason(error)}") from error


def _identity(folder: Path) -> str | None:
    """What the folder's study is about; None where there is none."""
    if not (folder / MANIFEST).exists():
        return None
    return str(read_manifest(folder, "study")["identity"])


def _lay_out(path: Path, plan: Plan) -> None:
    """Make a folder without runs; it appears whole, so that it can be taken up at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name[:60]}.draft-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        (draft / "scenarios").mkdir(parents=True)
        for variant, scenario in plan.scenarios.items():
            write_file(variant_file(draft, variant), to_toml(scenario).encode())
        if plan.study.design.file is not None:
            shutil.copyfile(plan.study.design.file, draft / POINTS)
        for name, schema in schemas(plan).items():
            (draft / name).mkdir()
            # A part without rows, so that the columns are there before the first run is.
            write_part(draft, name, schema.empty_table())
        _describe(draft, plan)
        draft.rename(path)  # onto nothing, or onto an empty folder
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _describe(path: Path, plan: Plan) -> None:
    write_file(path / STUDY, study_toml(_portable(plan.study)).encode())
    text = json.dumps(_manifest(plan), indent=2, allow_nan=False)
    write_file(path / MANIFEST, (text + "\n").encode())


def _longest(path: Path, plan: Plan) -> Plan:
    """The plan with as many replications as were ever asked for."""
    earlier = load_study(path / STUDY).replications
    longer = max(earlier, plan.study.replications)
    return replace(plan, study=plan.study.model_copy(update={"replications": longer}))


def _portable(study: Study) -> Study:
    """The study on the copies of its files that lie beside it."""
    variants = tuple(
        v if v.scenario is None else Variant(name=v.name, scenario=f"scenarios/{v.name}.toml")
        for v in study.variants
    )
    design = study.design
    if design.file is not None:
        design = design.model_copy(update={"file": POINTS})
    own = {"scenario": f"scenarios/{BASE}.toml", "set": {}, "variants": variants, "design": design}
    return study.model_copy(update=own)


def _manifest(plan: Plan) -> dict[str, Any]:
    """What is needed to read and to repeat the study."""
    return {
        "kind": "study",
        "identity": plan.identity(),
        "title": plan.study.title,
        "scenario": plan.scenarios[BASE].name,
        "start": plan.scenarios[BASE].run.start,
        "variants": list(plan.scenarios),
        "factors": {factor.column: factor.path for factor in plan.study.factors},
        "outcomes": list(plan.outcomes),
        "points": len(plan.points),
        "runs": plan.size,
        "versions": {name: version(name) for name in ("computemarket", "mesa")},
    }


def _read(folder: Path, name: TableName, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a table, repeated ones included."""
    files = sorted((folder / name).glob("part-*.parquet"))
    try:
        return pa.concat_tables(
            [pq.read_table(file, columns=columns, partitioning=None) for file in files]
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise OutputError(f"cannot read '{folder / name}': {failure_reason(error)}") from error


def write_file(file: Path, content: bytes) -> None:
    """Write a file so that it is never seen half-written."""
    draft = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        draft.write_bytes(content)
        os.replace(draft, file)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
