"""Pretraining that trials have in common: done once, and the same to the last bit."""

import pandas as pd
import pytest

from transfer import run
from transfer.evaluation.predictions import read_predictions

PRETRAINED = ["tracking.kind=none", "pretraining.epochs=2"]
FREEZE, FINETUNE = "strategy={name: freeze}", "strategy={name: finetune}"


@pytest.fixture
def do(tiny, tmp_path):
    def done(name, *overrides, shared=None):
        summary = run(tiny, [*PRETRAINED, *overrides], synthetic=True, out=tmp_path / name, shared=shared)
        return summary, read_predictions(tmp_path / name / "predictions.parquet")

    return done


def kept(folder):
    return sorted(folder.glob("pretraining-*.safetensors"))


def test_a_stage_taken_over_gives_the_same_predictions_to_the_last_bit(do, tmp_path):
    shared = tmp_path / "shared"
    do("first", FREEZE, shared=shared)
    assert len(kept(shared)) == 1
    before = kept(shared)[0].stat().st_mtime_ns
    taken, took = do("second", FINETUNE, shared=shared)
    alone, trained = do("alone", FINETUNE)
    assert kept(shared)[0].stat().st_mtime_ns == before
    pd.testing.assert_frame_equal(took, trained, check_exact=True)
    assert taken["selection"] == alone["selection"]
    assert (tmp_path / "second" / "history.json").read_text() == (tmp_path / "alone" / "history.json").read_text()


@pytest.mark.parametrize(
    "different",
    ["training.seed=1", "pretraining.epochs=1", "training.batch_size=4", "extractor.blocks=2", "strategy={name: meta}"],
)
def test_a_stage_that_differs_in_anything_is_not_taken_over(different, do, tmp_path):
    shared = tmp_path / "shared"
    do("first", FREEZE, shared=shared)
    do("second", FREEZE, different, shared=shared)
    assert len(kept(shared)) == 2


def test_other_source_audio_is_another_stage(do, tmp_path):
    shared = tmp_path / "shared"
    do("first", FREEZE, shared=shared)
    do("second", FREEZE, "synthetic.source.shift=0.9", shared=shared)
    assert len(kept(shared)) == 2


def test_with_augmentation_every_run_pretrains_by_itself(do, tmp_path):
    shared = tmp_path / "shared"
    do("first", FREEZE, "training.augment=[{name: spec_augment}]", shared=shared)
    assert not shared.exists()
