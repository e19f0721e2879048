"""The built wheel, away from the repository: recipes and pages travel inside it, and the store goes to ./mlruns."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel, built by the backend that pyproject names."""
    pytest.importorskip("hatchling", reason="no hatchling; `uv sync` installs it")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_everything_that_is_no_python_travels_inside(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    recipes = {f"transfer/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "recipes").rglob("*.yaml")}
    assert len(recipes) > 200
    assert recipes <= inside
    others = {
        p.relative_to(ROOT).as_posix()
        for room in ("transfer", "losses", "feature_extractors")
        for p in (ROOT / room).rglob("*")
        if p.is_file() and p.suffix != ".pyc" and "__pycache__" not in p.parts
    }
    assert "transfer/serving/page.html" in others
    assert others <= inside
    assert not any(name.startswith(("tests/", "benchmarks/", "mlruns/")) for name in inside)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return a function that runs python on the wheel's content alone, in an empty folder."""
    place, empty = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("empty")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "TRANSFER_CORPORA")}

    def python(*words):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=empty,
            env={**environment, "PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python.place, python.empty = place, empty
    return python


def test_recipes_are_found_by_name_away_from_the_repository(installed):
    code = (
        "import transfer, transfer.loading as l; print(transfer.__file__); print(l.recipe_folder()); "
        "print(len(l.list_recipes())); print(l.find_recipe('casia_to_modma_ddg'))"
    )
    where, folder, count, found = installed("-c", code).split()
    assert all(path.startswith(str(installed.place)) for path in (where, folder, found))
    assert int(count) > 200


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="a run; set TRANSFER_SLOW=1")
def test_a_recipe_runs_by_name_in_an_empty_folder_and_its_store_is_there(installed):
    listed = installed("-m", "transfer", "list", "recipes")
    assert "casia_to_modma_ddg " in listed
    small = ["training.epochs=1", "synthetic.overrides={}", "extractor.mode=plain"]
    small += ["synthetic.source={clips: 1}", "synthetic.target={speakers: 8, clips: 1}"]
    said = installed("-m", "transfer", "run", "casia_to_modma_ddg", "--synthetic", "--out", "out", *small)
    assert "UAR" in said
    assert {path.name for path in installed.empty.iterdir()} == {"out", "mlruns"}
    assert (installed.empty / "mlruns" / "mlflow.db").is_file()
    assert (installed.empty / "out" / "summary.json").is_file()
