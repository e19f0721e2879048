"""Shared set-up: one thread for each worker, a cache of its own, and where the real corpora are."""

import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Modules that tests write or name; said before processes are begun.
os.environ["TRANSFER_TRUST"] = "mine,deadly,broken_strategy,own_heads,torch.nn"

import pytest
import torch

torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_DEVICE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a microphone that beeps


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep what tests cache away from the user's cache."""
    os.environ["TRANSFER_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _same_trust(monkeypatch):
    """Put back after every test what `--trust` admits: it is said to the whole process."""
    monkeypatch.setenv("TRANSFER_TRUST", os.environ["TRANSFER_TRUST"])


@pytest.fixture(autouse=True)
def _same_draws():
    """Seed torch before every test: a test that fails fails again."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Return the folder of the real corpora, or skip."""
    folder = Path(os.environ.get("TRANSFER_CORPORA") or REPOSITORY.parent / "shared" / "corpora")
    if not (folder / "emovo").is_dir():
        pytest.skip(
            f"the real corpora are not at {folder}; set TRANSFER_CORPORA to the folder that holds emovo/ and nemo/"
        )
    return folder.resolve()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """Return the file of an MLflow store without runs, to be copied: to make its tables takes seconds."""
    from filelock import FileLock

    from transfer.mlflow_tracker import MLflowTracker

    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root  # made once for all workers
    file = root / "empty_store" / "mlflow.db"
    with FileLock(root / "empty_store.lock"):
        if not file.is_file():
            MLflowTracker(f"sqlite:///{file}", "of the tables", "none").finish()
    return file


@pytest.fixture
def domain():
    """Return a factory of small corpora whose classes differ in the mean of all features."""
    import pandas as pd

    from transfer.data.domain import HIDDEN, Domain

    def make(name, *, slices=32, frames=40, classes=("x", "y"), labelled=True, seed=1):
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(frames // 2, frames + 1, (slices,), generator=generator)
        lengths[0] = frames
        labels = torch.arange(slices) % len(classes)
        features = torch.randn(slices, 39, frames, generator=generator) + 0.5 * labels[:, None, None]
        features *= (torch.arange(frames) < lengths[:, None])[:, None]
        rows, half, third = torch.arange(slices), slices // 2, slices * 3 // 4
        pools = {
            "labelled": rows[: half if labelled else 0],
            "any": rows[:half],
            "valid": rows[half:third],
            "test": rows[third:],
        }
        table = pd.DataFrame(
            {
                "part": ["train"] * half + ["valid"] * (third - half) + ["test"] * (slices - third),
                "speaker": [f"s{i // 4}" for i in range(slices)],
                "recording": [f"r{i}" for i in range(slices)],
                "label": [classes[i] for i in labels],
            }
        )
        shown = labels.clone()
        shown[half if labelled else 0 :] = HIDDEN
        return Domain(name, tuple(classes), features, lengths, shown, pools, table)

    return make


@pytest.fixture
def attached(domain):
    """Return a factory of small strategies, attached to a source `a` and a target `b`."""
    from transfer.build import build_model, build_strategy
    from transfer.recipe import Recipe
    from transfer.strategies import Setting

    def make(name, *, labelled=True, shared=True, recipe=None, domains=None, **options):
        corpora = domains or {"a": domain("a", seed=1), "b": domain("b", frames=56, seed=2, labelled=labelled)}
        tree = {
            "name": "test",
            "strategy": {"name": name, **options},
            "source": [{"corpus": n} for n in list(corpora)[:-1]],
            "target": {"corpus": list(corpora)[-1]},
            "heads": "shared" if shared else "separate",
            "batch_statistics": "corpus",
            "extractor": {"name": "multi_tim", "mode": "plain", "blocks": 2, "filters": 13},
            "head": {"name": "temporal", "blocks": 2},
            "training": {"epochs": 2, "batch_size": 8},
            **(recipe or {}),
        }
        checked = Recipe.model_validate(tree)
        torch.manual_seed(checked.training.seed)
        model = build_model(checked, in_channels=39, classes={n: d.classes for n, d in corpora.items()})
        strategy = build_strategy(checked)
        sources = tuple(s.corpus for s in checked.source)
        moments = {"mean": torch.zeros(model.extractor.dim), "covariance": torch.eye(model.extractor.dim)}
        strategy.attach(
            Setting(
                model, corpora, sources, checked.target.corpus, checked.training, checked.pretraining, moments=moments
            )
        )
        return strategy

    return make


@pytest.fixture
def train():
    """Return a function that trains every stage of an attached strategy on the CPU and returns the records."""
    from transfer.device import build_fabric
    from transfer.loop import fit
    from transfer.recipe import Compute

    fabric = build_fabric(Compute(accelerator="cpu"))

    def all_stages(strategy, *, score=None, seed=0, **options):
        records = []
        for stage in strategy.stages():
            strategy.begin(stage.name)
            records.append(fit(stage, strategy, strategy.setting.domains, fabric, seed=seed, score=score, **options))
        return records

    return all_stages


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """Return the folder of a model of two classes: slices of 2 s, no training."""
    import numpy as np

    from transfer.build import build_front_end, build_model
    from transfer.checkpoint import write_checkpoint
    from transfer.recipe import Recipe

    folder = tmp_path_factory.mktemp("served")
    recipe = Recipe.model_validate(
        {
            "name": "served",
            "strategy": {"name": "scratch"},
            "target": {"corpus": "own", "slices": {"version": "V1", "seconds": 2, "overlap": 0.5}},
            "extractor": {"name": "multi_tim", "mode": "plain", "blocks": 1, "filters": 13},
            "head": {"name": "linear"},
        }
    )
    classes = {"own": ("calm", "not calm")}
    front_end = build_front_end(recipe)
    torch.manual_seed(0)
    model = build_model(recipe, in_channels=front_end.channels, classes=classes)
    moments = {"all.mean": np.zeros(front_end.channels), "all.std": np.full(front_end.channels, 50.0)}
    record = {"recipe": recipe.model_dump(mode="json"), "classes": classes, "front_end": front_end.record()}
    write_checkpoint(folder / "model.safetensors", model, moments, record)
    return folder


@pytest.fixture(scope="module")
def browser():
    """Return a browser: $TRANSFER_BROWSER, playwright's own, or one of the system; skip where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright; `uv sync` installs it")
    with api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = os.environ.get("TRANSFER_BROWSER") or (own if Path(own).is_file() else None)
        path = path or next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None:
            pytest.skip("no Chromium; `playwright install chromium` or the system's package `chromium` has one")
        browser = playwright.chromium.launch(executable_path=path, args=NO_DEVICE)
        yield browser
        browser.close()


TINY = """\
name: tiny
strategy: {name: mmd}
source: {corpus: casia, slices: {version: V2, seconds: 2}}
target: {corpus: modma, slices: {version: V1, seconds: 4, overlap: 1}}
extractor: {name: multi_tim, mode: plain, blocks: 1, filters: 13}
head: {name: temporal, mode: plain, blocks: 1}
training: {epochs: 2, batch_size: 8}
split: {valid: 0.25, test: 0.25}
synthetic: {source: {clips: 1}, target: {speakers: 8, clips: 1}}
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Return the file of a recipe that runs on stand-ins in a second or two; the current folder is a temporary one."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture
def command(monkeypatch, capfd):
    """Return a function that runs the command line and returns exit code, stdout and stderr."""
    from transfer.cli import main

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["transfer", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code or 0, *capfd.readouterr()

    return run
