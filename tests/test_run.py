"""A run on stand-ins, end to end."""

import json
from datetime import datetime

import pandas as pd
import pytest
import torch
import yaml

from transfer import check, run
from transfer.checkpoint import read_checkpoint
from transfer.errors import LeakageError, RecipeError, SplitError, UserError
from transfer.evaluation.predictions import read_predictions
from transfer.output import default_folder, output_folder, output_lock
from transfer.selection import validation_scores
from transfer.strategies.alignment import AlignmentStrategy

QUIET = ["tracking.kind=none"]


@pytest.fixture
def summary(tiny, tmp_path):
    run(tiny, QUIET, synthetic=True, out=tmp_path / "out")
    return json.loads((tmp_path / "out" / "summary.json").read_text())


def test_the_folder_holds_everything_and_the_summary_says_what_was_done(summary, tmp_path):
    names = {p.name for p in (tmp_path / "out").iterdir()}
    files = {
        "summary.json",
        "recipe.yaml",
        "predictions.parquet",
        "history.json",
        "model.safetensors",
        "projections.npz",
        "model_card.md",
    }
    assert names == files
    wanted = "name strategy seed source target target_labels selection split leakage metrics"
    wanted += " train_seconds feature_seconds mlflow_run_id versions"
    assert set(wanted.split()) <= set(summary)
    for level in ("slice", "recording", "subject"):
        assert {"uar", "accuracy", "macro_f1", "sensitivity", "specificity", "auc", "uar_ci"} <= set(
            summary["metrics"]["test"][level]
        )
    assert summary["selection"]["tag"] == "target_validation"
    assert summary["leakage"]["found"] == []
    assert summary["synthetic"]["modma"]["name"] == "modma"
    assert set(summary["diagnostics"]["after"]) == {"universal", "specific"}


def test_the_prediction_table_has_one_row_a_slice_and_no_plain_ids(summary, tmp_path):
    table = read_predictions(tmp_path / "out" / "predictions.parquet")
    parts = summary["split"]["parts"]["modma"]
    assert table.groupby("part").size().to_dict() == {p: parts[p]["slices"] for p in ("valid", "test")}
    assert table.groupby("part")["subject"].nunique().to_dict() == {p: parts[p]["speakers"] for p in ("valid", "test")}
    assert not table["subject"].str.contains("0201|0202|0203").any()
    assert not table["recording"].str.contains("wav").any()
    assert table[["p_HC", "p_MDD"]].sum(axis=1).to_numpy() == pytest.approx(1)


def test_nothing_recorded_names_a_folder_of_this_machine(summary, tmp_path):
    for file in (tmp_path / "out").glob("*"):
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
        assert b"audio_lanzhou" not in file.read_bytes(), file.name


def test_the_resolved_recipe_and_the_checkpoint_are_enough_to_rebuild_the_model(summary, tmp_path):
    tree = yaml.safe_load((tmp_path / "out" / "recipe.yaml").read_text())
    assert tree["training"]["epochs"] == 2
    checkpoint = read_checkpoint(tmp_path / "out")
    assert checkpoint.record["classes"]["modma"] == ["HC", "MDD"]
    assert checkpoint.record["front_end"]["sample_rate"] == 16000
    assert {"all.mean", "all.std"} == set(checkpoint.normalisation)


def test_two_runs_with_one_seed_give_identical_predictions_and_another_seed_does_not(tiny, tmp_path):
    tables = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(tiny, [*QUIET, f"training.seed={seed}", "split.seed=0"], synthetic=True, out=tmp_path / name)
        tables.append(read_predictions(tmp_path / name / "predictions.parquet"))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert not tables[0]["p_MDD"].equals(tables[2]["p_MDD"])


def test_pretraining_can_come_from_a_finished_run_with_its_statistics(summary, tiny, tmp_path):
    overrides = [*QUIET, "strategy={name: freeze}", f"pretraining.checkpoint={tmp_path / 'out'}"]
    with pytest.raises(RecipeError, match=r"may know this run's test speakers"):
        run(tiny, overrides, synthetic=True, out=tmp_path / "frozen")
    overrides.append("split.accept_leakage=[speaker]")
    run(tiny, overrides, synthetic=True, out=tmp_path / "frozen")
    first, second = read_checkpoint(tmp_path / "out"), read_checkpoint(tmp_path / "frozen")
    own = [k for k in first.weights if k.startswith("extractor.")]
    assert any("running_mean" in k for k in own)
    assert all(torch.equal(first.weights[k], second.weights[k]) for k in own)
    used = {k: v for k, v in second.weights.items() if k.startswith("statistics.mean_1_")}
    assert any(v.any() for v in used.values()), "the target is judged by statistics that were measured, not by zeros"
    for change, says in (
        ("extractor.filters=8", r"(?s)do not match.*shape"),
        ("frontend.order=2", "another front end"),
    ):
        with pytest.raises(RecipeError, match=says):
            run(tiny, [*overrides, change], synthetic=True, out=tmp_path / "other")


def test_the_clip_split_runs_only_where_its_leaks_are_accepted_and_says_what_leaks(tiny, tmp_path):
    with pytest.raises(SplitError, match="accept_leakage"):
        check(tiny, ["split.by=clip"], synthetic=True)
    with pytest.raises((LeakageError, SplitError), match="audio"):
        check(
            tiny,
            ["split.by=clip", "split.accept_leakage=[speaker, recording]", "target.slices.overlap=0"],
            synthetic=True,
        )
    accepted = "split.accept_leakage=[speaker, recording, slice, audio]"
    summary = run(
        tiny, [*QUIET, "split.by=clip", accepted, "training.epochs=1"], synthetic=True, out=tmp_path / "leaks"
    )
    shares = summary["leakage"]["test_in_train"]
    assert shares["speaker"] > 0
    assert {"speaker", "recording", "audio"} <= set(summary["leakage"]["found"])
    for file in (tmp_path / "leaks").glob("*"):
        for secret in (str(tmp_path), "audio_lanzhou", "02010", "02020", "02030"):
            assert secret.encode() not in file.read_bytes(), (file.name, secret)


def test_oracle_selection_looks_at_the_test_part_and_is_tagged(tiny, tmp_path):
    words = [*QUIET, "training.epochs=4", "selection.by=oracle"]
    summary = run(tiny, words, synthetic=True, out=tmp_path / "out")
    assert "oracle" in summary["selection"]["tag"]
    (record,) = json.loads((tmp_path / "out" / "history.json").read_text())
    watched = record["epochs"][record["best_epoch"]]["valid/loss"]
    table = read_predictions(tmp_path / "out" / "predictions.parquet")
    losses = {part: validation_scores(rows)["loss"] for part, rows in table.groupby("part")}
    assert losses["test"] == pytest.approx(watched, rel=1e-4)
    assert losses["valid"] != pytest.approx(watched, rel=1e-4)


def test_a_strategy_is_never_handed_the_truth_that_it_may_not_use(tiny, tmp_path, monkeypatch):
    seen, attach = [], AlignmentStrategy.attach

    def spy(self, setting):
        seen.extend(sorted(domain.table.columns) for domain in setting.domains.values())
        attach(self, setting)

    monkeypatch.setattr(AlignmentStrategy, "attach", spy)
    run(tiny, [*QUIET, "training.epochs=1"], synthetic=True, out=tmp_path / "out")
    assert seen
    assert all("speaker" in columns and "label" not in columns for columns in seen)


def test_without_target_labels_selection_may_not_use_them(tiny):
    with pytest.raises(RecipeError, match="target_validation uses target labels"):
        check(tiny, ["target.labelled_speakers=none"], synthetic=True)
    with pytest.raises(RecipeError, match="control that uses none"):
        check(
            tiny,
            ["strategy={name: source_only}", "source.relabel={sad: MDD, neutral: HC}", "heads=shared"],
            synthetic=True,
        )


def test_labels_used_for_validation_are_counted(summary):
    assert summary["target_labels"]["validation_speakers"] == summary["split"]["parts"]["modma"]["valid"]["speakers"]


def test_two_runs_cannot_fill_one_folder(tmp_path):
    def write(name, meanwhile=lambda: None):
        with output_folder(tmp_path / "out") as folder:
            (folder / "file").write_text(name)
            meanwhile()

    with pytest.raises(UserError, match="another process is at work"):
        write("late", meanwhile=lambda: write("early"))
    assert not list(tmp_path.iterdir())
    write("early")
    with pytest.raises(UserError, match="a run never writes over another"):
        write("late")
    assert (tmp_path / "out" / "file").read_text() == "early"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("target.labelled_speakers=40", "training part has"),
        ("target.labelled_speakers=[nobody]", "no speaker 'nobody'"),
        ("source.root=/nowhere", "/nowhere"),
        ("heads=shared", "same classes"),
        ("source.relabel={sadd: MDD}", "did you mean 'sad'"),
        ("training.rates={extractor.nothing: x0.1}", "no module is named"),
        ("training.optimizer.lr=1e20", "is nan|is inf"),
    ],
)
def test_a_mistake_ends_the_run_and_leaves_nothing(override, says, tiny, tmp_path):
    with pytest.raises(UserError, match=says):
        run(
            tiny,
            [*QUIET, override, "training.clip_gradient=null"],
            synthetic="root" not in override,
            out=tmp_path / "out",
        )
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {"tiny.yaml"}


def test_a_run_never_writes_over_another(summary, tiny, tmp_path):
    with pytest.raises(UserError, match="not empty"):
        run(tiny, QUIET, synthetic=True, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.rates={extractor.nothing: x0.1}", "no module is named"),
        ("head.fusion=attention", None),
        ("strategy={name: freeze}", "pretrained extractor"),
        ("strategy={name: joint, mixing: ratio, ratio: [1, 2, 3]}", "3 numbers for the 2 corpora"),
        ("positive=MDDD", "did you mean 'MDD'"),
        ("split.test=0", "no test part"),
        ("strategy.level=logits", "same classes"),
        ("strategy.options={bandwidth: -1}", "bandwidth"),
        ("strategy={name: ddg, label_smoothing: 1.5}", "smoothing"),
        ("compute.precision=16-mixed", "needs a GPU"),
        ("target.corpus=b.v2", "target.corpus"),
        ("strategy={name: scratch}", None),
    ],
)
def test_check_finds_before_training_what_would_end_it(override, says, tiny):
    if says is None:
        check(tiny, [override], synthetic=True)
    else:
        with pytest.raises(UserError, match=says):
            check(tiny, [override], synthetic=True)


@pytest.mark.parametrize(
    "override",
    [
        "compute.precision=bf16-mixed",
        "normalisation=speaker",
        "normalisation=corpus",
        "normalisation=none",
        "batch_statistics=shared",
        "training.balance=weights",
        "training.balance=sampler",
        "training.schedule.name=noam",
        "training.optimizer={name: sgd, lr: 0.01}",
        "target.labelled_speakers=2",
        "head={name: linear}",
        "frontend={name: log_mel}",
        "target.slices={version: whole}",
    ],
)
def test_every_switch_trains_to_finite_probabilities(override, tiny, tmp_path):
    run(tiny, [*QUIET, "training.epochs=1", override], synthetic=True, out=tmp_path / "out")
    table = read_predictions(tmp_path / "out" / "predictions.parquet")
    assert table["p_MDD"].notna().all()
    assert table["p_MDD"].std() > 0


def test_a_run_begun_in_the_same_second_gets_a_name_of_its_own(tmp_path, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 1, tzinfo=tz)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("transfer.output.datetime", Stopped)
    first = default_folder("mine")
    with output_lock(first):
        assert default_folder("mine") != first
    assert default_folder("mine") == first
