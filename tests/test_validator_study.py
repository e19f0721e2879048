"""`transfer validators`: finished runs are rebuilt from what they recorded, and every criterion is judged."""

import json
import shutil
import sys

import pytest

from transfer import run
from transfer.checkpoint import read_checkpoint
from transfer.cli import main
from transfer.errors import RecipeError
from transfer.evaluation.predictions import read_predictions
from transfer.selection import validation_scores
from transfer.validator_study import study

KEEP = ["tracking.kind=none", "selection.keep=every_epoch"]
RECIPE = """\
name: few
strategy: {name: mmd}
source: {corpus: nemo, slices: {version: V2, seconds: 2}}
target: {corpus: emovo, slices: {version: V2, seconds: 2}, labelled_speakers: [f2, m1]}
labels: shared
heads: shared
extractor: {name: multi_tim, mode: plain, blocks: 1, filters: 13}
head: {name: temporal, mode: plain, blocks: 1}
training: {epochs: 3, batch_size: 16}
split: {valid: 0.25, transductive: true}
selection: {by: im, keep: every_epoch}
synthetic: {source: {clips: 1, speakers: 4}, target: {clips: 1}}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a finished run on stand-ins that kept every epoch, two target speakers named."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "few.yaml").write_text(RECIPE, encoding="utf-8")
    run(folder / "few.yaml", KEEP, synthetic=True, out=folder / "out")
    return folder / "out"


def test_every_epoch_is_kept_and_the_best_is_the_run_model(finished):
    files = sorted((finished / "checkpoints").iterdir())
    assert [f.name for f in files] == [f"epoch_000{i}.safetensors" for i in (1, 2, 3)]
    (record,) = json.loads((finished / "history.json").read_text())
    best, final = read_checkpoint(files[record["best_epoch"]]).weights, read_checkpoint(finished).weights
    assert all(best[k].equal(final[k]) for k in final if "running" not in k)
    others = [read_checkpoint(f).weights for i, f in enumerate(files) if i != record["best_epoch"]]
    assert not any(all(o[k].equal(final[k]) for k in final) for o in others)


def test_a_rebuilt_run_scores_as_the_run_did(finished):
    found = study([finished])
    (studied,) = found["runs"]
    (record,) = json.loads((finished / "history.json").read_text())
    assert [e["im"] for e in studied["epochs"]] == pytest.approx([e["valid/im"] for e in record["epochs"]], rel=1e-4)
    assert studied["judged"]["im"]["epoch"] == record["best_epoch"] + 1
    table = read_predictions(finished / "predictions.parquet")
    true = validation_scores(table[table["part"] == "test"])["uar"]
    assert studied["epochs"][record["best_epoch"]]["oracle"] == pytest.approx(true)
    assert studied["best"] == max(e["oracle"] for e in studied["epochs"])
    assert studied["judged"]["im"]["regret"] == pytest.approx(studied["best"] - true)
    assert {"snd", "dev", "mmd", "source_uar", "last"} <= set(found["criteria"])
    assert "target_uar" not in found["criteria"], "a transductive split has no target validation part"
    tags = {name: values["tag"] for name, values in found["criteria"].items()}
    assert (tags["snd"], tags["source_loss"]) == ("unsupervised:snd", "source_validation")
    assert tags["last"] == "last epoch, no selection"


def test_the_command_prints_a_table_or_json_alone(finished, monkeypatch, capfd):
    for words in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["transfer", "validators", str(finished), *words])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert not exit_.value.code
    out = capfd.readouterr().out
    table, _, text = out.partition("\n{")
    assert "criteria over 1 runs, 3 checkpoints" in table
    assert "by test labels (oracle)" in table
    assert json.loads("{" + text)["runs"][0]["name"] == "few"


def test_a_run_without_its_epochs_or_with_other_data_is_refused(finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "copy")
    with pytest.raises(RecipeError, match="not the folder of a finished run"):
        study([tmp_path])
    summary = json.loads((copy / "summary.json").read_text())
    summary["split"]["parts"]["emovo"]["test"]["slices"] += 1
    (copy / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(RecipeError, match="not those that the run saw"):
        study([copy])
    shutil.rmtree(copy / "checkpoints")
    with pytest.raises(RecipeError, match=r"selection\.keep=every_epoch"):
        study([copy])


def test_a_root_that_is_none_is_refused(finished):
    from transfer.errors import UserError
    from transfer.validators_command import study_runs

    with pytest.raises(UserError, match="corpus=folder"):
        study_runs([finished], ["emovo"])
