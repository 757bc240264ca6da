"""What a user gets: the wheel is complete, and starting up is light."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "out", "tests", "docs", "notebooks"
)
HEAVY = {"mesa", "pandas", "numpy", "matplotlib", "scipy", "networkx", "pyarrow"}


def run(*command: object, cwd: Path, **env: str) -> str:
    """Run a command away from the repository and return what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts folder of a fresh environment that holds the wheel, not the working tree."""
    base = tmp_path_factory.mktemp("wheel")
    source, dist, venv = base / "any-name", base / "dist", base / "venv"
    shutil.copytree(ROOT, source, ignore=NOT_SOURCE)
    run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist, source),
        cwd=base,
    )
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=base)
    scripts = venv / Path(sysconfig.get_path("scripts")).name
    target = Path(
        run(
            *(scripts / "python", "-c"),
            "import sysconfig; print(sysconfig.get_path('purelib'))",
            cwd=base,
        ).strip()
    )
    (wheel,) = dist.glob("*.whl")
    run(
        *(sys.executable, "-m", "pip", "--python", scripts / "python"),
        *("install", "--quiet", "--no-deps", "--no-index", wheel),
        cwd=base,
    )
    # The dependencies come from here. Folders named in a .pth file are searched, but
    # their own .pth files are not read, so the editable install stays out of sight.
    (target / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return scripts


def test_wheel_is_what_the_fresh_environment_imports(installed: Path, tmp_path: Path) -> None:
    where = run(
        *(installed / "python", "-c", "import computemarket; print(computemarket.__file__)"),
        cwd=tmp_path,
    )

    assert Path(where.strip()).is_relative_to(installed.parent)


def test_every_module_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    listing = (
        "import pathlib, computemarket as c; root = pathlib.Path(c.__file__).parent\n"
        "for p in root.rglob('*'): p.is_file() and print(p.relative_to(root).as_posix())"
    )
    shipped = {
        name
        for name in run(installed / "python", "-c", listing, cwd=tmp_path).splitlines()
        if "__pycache__" not in name
    }

    folders = ["agents", "market", "scenarios", "analysis", "experiments"]
    sources = [*ROOT.glob("*.py"), *(p for f in folders for p in (ROOT / f).rglob("*.py"))]
    data = [ROOT / "py.typed", *(ROOT / "scenarios").glob("*.toml")]
    expected = {p.relative_to(ROOT).as_posix() for p in sources + data} - {"dashboard.py"}
    assert expected <= shipped
    assert not any(name.startswith("tests/") for name in shipped)


def test_installed_wheel_runs_a_shipped_scenario(installed: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"

    run(installed / "computemarket", "run", "duopoly", "--no-plots", "--out", out, cwd=tmp_path)

    assert (out / "months.parquet").is_file()
    assert (out / "manifest.json").is_file()


def loaded_after(code: str, cwd: Path) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running the code."""
    report = f"import sys\n{code}\nprint('LOADED', *{{m.partition('.')[0] for m in sys.modules}})"
    last = run(sys.executable, "-c", report, cwd=cwd).splitlines()[-1]
    label, *modules = last.split()
    assert label == "LOADED"
    return set(modules)


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_after("import computemarket", tmp_path)

    assert "computemarket" in loaded
    assert not loaded & (HEAVY | {"pydantic", "typer", "rich"})


@pytest.mark.parametrize("arguments", [["--help"], ["schema"], ["check", "duopoly"]], ids=" ".join)
def test_light_commands_load_neither_mesa_nor_pandas(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "from computemarket.cli import main\n"
        f"sys.argv = ['computemarket', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )

    assert not loaded_after(code, tmp_path) & {"mesa", "pandas"}


def test_public_names_are_listed_and_unknown_ones_refused() -> None:
    import computemarket

    assert set(computemarket.__all__) <= set(dir(computemarket))
    with pytest.raises(AttributeError, match="no_such_name"):
        computemarket.no_such_name  # noqa: B018


def test_public_names_resolve() -> None:
    import computemarket

    assert all(getattr(computemarket, name) is not None for name in computemarket.__all__)
