"""A run that is interrupted at any step and taken up again ends as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pandas as pd
import pytest
import torch

from transfer import run
from transfer.checkpoint import read_checkpoint
from transfer.data.synthetic import synthesize
from transfer.errors import UserError
from transfer.evaluation.predictions import read_predictions
from transfer.experiment import resume_run
from transfer.keeper import ASKED, STATE, Keeper, Stopped
from transfer.output import partial_folder
from transfer.strategies import STRATEGIES

EVERY_STEP = ["tracking.kind=none", "training.save_steps=1", "training.save_seconds=0"]
PRETRAINED = {"freeze", "finetune", "ae", "meta", "semi"}
OPTIONS = {
    "alignment": "losses: [{name: mmd}, {name: domain_adversarial}]",
    "ae": "every: 1, steps: 2",
    "ddg": "every: 1, steps: 2",
    "pytorch_adapt": "hook: DANNHook",
    "semi": "teacher: ema",
    "self_training": "warmup: 0.0",
}


class Cut(BaseException):
    """Stands for a power cut."""


def overrides(strategy):
    pretraining = ["pretraining.epochs=2"] if strategy in PRETRAINED else []
    few = ["target.labelled_speakers=2"] if strategy in ("semi", "self_training") else []
    source_only = ["selection.by=source_validation"] if strategy == "source_only" else []
    return [
        *EVERY_STEP,
        f"strategy={{name: {strategy}, {OPTIONS.get(strategy, '')}}}",
        *pretraining,
        *few,
        *source_only,
    ]


def cut_after(monkeypatch, steps):
    """Let the run die right after so many steps (or ends of epochs), saved or not."""
    original, seen = Keeper.step, [0]

    def step(self, *args, **options):
        original(self, *args, **options)
        seen[0] += 1
        if seen[0] == steps:
            raise Cut

    monkeypatch.setattr(Keeper, "step", step)
    return seen


def same(one, other):
    pd.testing.assert_frame_equal(
        *(read_predictions(f / "predictions.parquet") for f in (one, other)), check_exact=True
    )
    a, b = (read_checkpoint(folder).weights for folder in (one, other))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert (one / "history.json").read_text() == (other / "history.json").read_text()
    assert not partial_folder(other).exists()


LABEL_SETS = {
    "source_only",
    "mcc",
    "bnm",
    "entropy",
    "lmmd",
    "jmmd",
    "cdan",
    "mdd",
    "information_maximisation",
    "contrastive",
}


SLOW = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1 to run")
ALL_CUT = ("ddg", "self_training", "meta", "pytorch_adapt", "mmd", "finetune", "ae", "semi", "dann")


@pytest.mark.parametrize(
    "strategy", [*ALL_CUT[:3], *(pytest.param(name, marks=[pytest.mark.slow, SLOW]) for name in ALL_CUT[3:])]
)
def test_a_run_cut_at_any_step_ends_with_the_same_weights_and_predictions(strategy, tiny, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with monkeypatch.context() as counting:
        steps = cut_after(counting, -1)
        run(tiny, overrides(strategy), synthetic=True, out=whole)
    with monkeypatch.context() as cutting:
        cut_after(cutting, random.Random(strategy).randrange(1, steps[0]))
        with pytest.raises(Cut):
            run(tiny, overrides(strategy), synthetic=True, out=cut)
    assert not cut.exists()
    resume_run(cut)
    same(whole, cut)


def test_every_strategy_is_either_cut_here_or_differs_from_one_that_is_in_its_terms_alone():
    from transfer.strategies.alignment import AlignmentStrategy

    alike = {name for name, cls in STRATEGIES.items() if issubclass(cls, AlignmentStrategy)}
    assert set(STRATEGIES) - set(ALL_CUT) - alike == {
        "scratch",
        "source_only",
        "freeze",
        "joint",
        "moment_matching",
    }


@pytest.mark.parametrize(
    "extra",
    [
        ["training.balance=sampler"],
        ["training.augment=[{name: spec_augment}]"],
        ["compute.precision=bf16-mixed"],
        ["training.early_stopping={patience: 1}", "training.epochs=4"],
        ["training.optimizer={name: sgd, lr: 0.01, momentum: 0.9}"],
    ],
)
def test_streams_generators_precision_and_stopping_go_on_too(extra, tiny, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(tiny, [*overrides("mmd"), *extra], synthetic=True, out=whole)
    with monkeypatch.context() as cutting:
        cut_after(cutting, 4)
        with pytest.raises(Cut):
            run(tiny, [*overrides("mmd"), *extra], synthetic=True, out=cut)
    resume_run(cut)
    same(whole, cut)


def test_without_resume_an_interrupted_run_is_not_written_over(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as cutting:
        cut_after(cutting, 3)
        with pytest.raises(Cut):
            run(tiny, overrides("mmd"), synthetic=True, out=tmp_path / "cut")
    with pytest.raises(UserError, match="go on with `transfer run --resume"):
        run(tiny, overrides("mmd"), synthetic=True, out=tmp_path / "cut")
    with pytest.raises(UserError, match="nothing to go on with"):
        resume_run(tmp_path / "other")


def test_a_damaged_state_is_refused(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as cutting:
        cut_after(cutting, 3)
        with pytest.raises(Cut):
            run(tiny, overrides("mmd"), synthetic=True, out=tmp_path / "cut")
    file = partial_folder(tmp_path / "cut") / "state.safetensors"
    whole = file.read_bytes()
    content = bytearray(whole)
    content[-40] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(UserError, match="checksum"):
        resume_run(tmp_path / "cut")
    assert file.read_bytes() == bytes(content), "a refusal removes nothing"
    file.write_bytes(whole)
    asked = partial_folder(tmp_path / "cut") / ASKED
    said = asked.read_text()
    for broken in (said[:300], said.replace('"batch_size"', '"bath_size"'), "[]"):
        asked.write_text(broken)
        with pytest.raises(UserError, match="is damaged, or of another version"):
            resume_run(tmp_path / "cut")
    asked.write_text(said)
    resume_run(tmp_path / "cut")


def test_what_was_changed_and_put_back_can_go_on_from_any_folder(tiny, tmp_path, monkeypatch):
    """A resumed run that is refused keeps its state; a relative `root` is that of the folder where the run began."""
    corpus = synthesize("modma", tmp_path / "real", speakers=8, clips=1)
    mine = [*overrides("scratch"), "target.root=real", "target.reader=modma", "pretraining={}", "source=[]"]
    with monkeypatch.context() as cutting:
        cut_after(cutting, 3)
        with pytest.raises(Cut):
            run(tiny, mine, out=tmp_path / "cut")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    heard = sorted(path for path in corpus.rglob("*.wav"))[-1]
    gone = heard.rename(tmp_path / "gone.wav")
    with pytest.raises(UserError):
        resume_run(tmp_path / "cut")
    gone.rename(heard)
    resume_run(tmp_path / "cut")
    assert (tmp_path / "cut" / "summary.json").is_file()


def test_a_signal_finishes_the_step_saves_and_leaves(tiny, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(tiny, overrides("mmd"), synthetic=True, out=whole)
    original = Keeper.step

    def step(self, *args, **options):
        if not self.folder.joinpath("asked once").exists():
            self.folder.joinpath("asked once").touch()
            os.kill(os.getpid(), signal.SIGTERM)
        original(self, *args, **options)

    with monkeypatch.context() as asking:
        asking.setattr(Keeper, "step", step)
        with pytest.raises(Stopped, match="SIGTERM: the run is saved") as stopped:
            run(
                tiny,
                ["training.save_seconds=1000", *overrides("mmd")[:1], *overrides("mmd")[3:]],
                synthetic=True,
                out=cut,
            )
    assert stopped.value.number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    (partial_folder(cut) / "asked once").unlink()
    resume_run(cut)
    assert read_predictions(cut / "predictions.parquet").equals(read_predictions(whole / "predictions.parquet"))


def kill_at_random(command, state, seconds):
    """Run a command and kill it so many seconds after it has saved a state; one that is over is left alone."""
    begun = time.time()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if state.is_file() and state.stat().st_mtime > begun:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=seconds)
            process.kill()
        time.sleep(0.001)
    return process.returncode == -signal.SIGKILL


@SLOW
@pytest.mark.slow
def test_twenty_kills_at_random_change_nothing(tiny, tmp_path):
    more = [*overrides("ddg"), "training.epochs=40"]
    trained = run(tiny, more, synthetic=True, out=tmp_path / "whole")["train_seconds"]
    cut, rng, kills = tmp_path / "cut", random.Random(0), 0
    command, state = [sys.executable, "-m", "transfer"], partial_folder(cut) / STATE
    while not cut.exists():
        asked = ["run", str(tiny), *more, "--synthetic", "--out", str(cut)]
        asked = ["run", "--resume", str(cut)] if state.is_file() else asked
        kills += kill_at_random([*command, *asked], state, rng.uniform(0, trained / 20))
    assert kills >= 20
    same(tmp_path / "whole", cut)
    assert json.loads((cut / "summary.json").read_text())["train_seconds"] > 0
