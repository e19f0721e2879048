"""`transfer init`: the recipe that is written follows from what somebody has, and can be run as it is."""

import pandas as pd
import pytest
import soundfile
import yaml

from transfer import run
from transfer.checkpoint import read_checkpoint
from transfer.data.synthetic import synthesize
from transfer.errors import UserError
from transfer.experiment import check
from transfer.init_cli import init
from transfer.loading import load_recipe
from transfer.situation import find_situation
from transfer.starter import choose


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Return a folder with corpora of several kinds."""
    root = tmp_path_factory.mktemp("shelf")
    synthesize("emovo", root / "emovo", speakers=4, clips=2)
    synthesize("nemo", root / "nemo", speakers=3, clips=2)
    synthesize("modma", root / "clinic", speakers=8, clips=1)
    for wav in sorted((root / "emovo").rglob("*.wav")):  # the same speech, by somebody who did not note who speaks
        label = {"gio": "joy", "tri": "sadness", "neu": "neutral"}.get(wav.name[:3])
        if label:
            (root / "unnamed" / label).mkdir(parents=True, exist_ok=True)
            (root / "unnamed" / label / wav.name.replace("-", "_")).write_bytes(wav.read_bytes())
    return root


def chosen(folder, *sources):
    """Return the recipe chosen, as a tree."""
    situation = find_situation(folder, [str(source) for source in sources])
    tree = {}
    for choice in choose(situation, name="mine"):
        assert choice.why
        tree |= choice.keys
    return tree


def test_speakers_with_many_mixed_clips_are_standardised_by_their_own(shelf):
    tree = chosen(shelf / "emovo", shelf / "nemo")
    assert (tree["normalisation"], tree["warping"]) == ("speaker", True)
    assert tree["strategy"] == {"name": "joint"}
    assert (tree["labels"], tree["heads"]) == ("shared", "shared")
    assert tree["target"]["labelled_speakers"] == "all"


def test_speakers_with_few_clips_are_not(shelf, tmp_path):
    synthesize("emovo", tmp_path / "emovo", speakers=3, clips=1)
    for wav in (tmp_path / "emovo").rglob("*.wav"):
        if wav.name[:3] not in ("gio", "tri", "neu"):
            wav.unlink()
    assert chosen(tmp_path / "emovo")["normalisation"] == "corpus"


def test_a_diagnosis_is_not_standardised_away(shelf):
    tree = chosen(shelf / "clinic", shelf / "emovo")
    assert tree["normalisation"] == "corpus"
    assert "warping" not in tree
    assert tree["positive"] == "MDD"
    assert tree["labels"] == "as_is"
    assert tree["strategy"] == {"name": "finetune"}
    assert tree["extractor"]["name"] == "multi_tim"  # no class is shared: a classifier alone cannot carry anything over


def test_unknown_speakers_are_learnt_from_without_labels_and_found_by_ear(shelf):
    tree = chosen(shelf / "unnamed", shelf / "nemo")
    assert tree["target"]["labelled_speakers"] == "none"
    assert tree["split"]["transductive"]
    assert (tree["normalisation"], tree["warping"]) == ("voice", True)
    assert tree["strategy"] == {"name": "self_training"}


def test_unknown_speakers_without_a_source_are_refused(shelf):
    with pytest.raises(UserError, match=r"who speaks is not known.*manifest\.csv with columns path,label,speaker"):
        chosen(shelf / "unnamed")


def test_one_class_is_refused(tmp_path):
    (tmp_path / "own" / "sad").mkdir(parents=True)
    soundfile.write(tmp_path / "own" / "sad" / "a.wav", [0.0] * 16000, 16000)
    with pytest.raises(UserError, match=r"one class \(sad\)"):
        chosen(tmp_path / "own")


def test_long_recordings_are_heard_in_windows(tmp_path):
    rows = []
    for speaker in ("a", "b", "c"):
        for label in ("low", "high"):
            name = f"{speaker}_{label}.wav"
            soundfile.write(tmp_path / name, [0.0, 0.1] * 16000 * 10, 16000)
            rows.append({"path": name, "label": label, "speaker": speaker})
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    assert chosen(tmp_path)["target"]["slices"] == {"version": "V1", "seconds": 10, "overlap": 2.5}
    assert "slices" not in chosen(tmp_path / "manifest.csv").get("source", {})


@pytest.mark.parametrize("source", ["nemo", None])
def test_what_is_written_for_known_speakers_can_be_run(shelf, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    said = init(shelf / "emovo", [str(shelf / source)] if source else [])
    planned = check(said["path"], ["split.near_copies=false"])
    assert (planned.slices.groupby("speaker")["part"].nunique() == 1).all()


def test_speech_of_unknown_speakers_is_learnt_from_without_labels_from_end_to_end(shelf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = init(shelf / "unnamed", [str(shelf / "nemo")])
    summary = run(said["path"], ["tracking={kind: none}", "split.near_copies=false", "voices=2"], out=tmp_path / "run")
    assert summary["metrics"]["test"]["slice"]["n"] == 24
    assert "who speaks is not known" in " ".join(summary["notes"])
    truths = read_checkpoint(tmp_path / "run").record["classes"]
    assert truths["unnamed"] == ["happiness", "neutral", "sadness"]


def test_the_command_writes_a_file_with_reasons_and_says_what_to_do_next(shelf, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    code, out, err = command("init", shelf / "emovo", "--source", shelf / "nemo", "--out", "mine/first.yaml")
    assert (code, err) == (0, "")
    assert "transfer run mine/first.yaml" in out
    text = (tmp_path / "mine" / "first.yaml").read_text()
    assert text.count("#") >= 8
    assert (
        load_recipe("mine/first.yaml").model_dump(mode="json")["normalisation"] == yaml.safe_load(text)["normalisation"]
    )
    code, _, err = command("init", shelf / "emovo", "--out", "mine/first.yaml")
    assert code == 2
    assert "never written over" in err
    assert (tmp_path / "mine" / "first.yaml").read_text() == text


def test_a_source_by_the_name_of_the_target_is_refused(shelf, tmp_path):
    synthesize("emovo", tmp_path / "emovo", speakers=2, clips=1)
    with pytest.raises(UserError, match="two corpora are called 'emovo'"):
        chosen(shelf / "emovo", tmp_path / "emovo")


def test_a_bundle_is_a_source_by_itself(shelf, tmp_path):
    model = tmp_path / "m.bundle"
    model.write_bytes(b"PK")
    with pytest.raises(UserError, match="a source by itself"):
        find_situation(shelf / "emovo", [str(model), str(shelf / "nemo")])
