"""`transfer init`: the recipe that is written follows from what somebody has, and can be run as it is."""

import re

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
from transfer.situation import Situation, find_situation
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


@pytest.fixture
def own(tmp_path):
    """Return a function that gives a corpus of somebody's own with four speakers and the labels that are named."""

    def write(*labels):
        folder = tmp_path / "own"
        folder.mkdir()
        rows = [
            {"path": f"{speaker}_{number}.wav", "label": label, "speaker": speaker}
            for speaker in "abcd"
            for number, label in enumerate(labels)
        ]
        for position, row in enumerate(rows):
            soundfile.write(folder / row["path"], [0.0, 0.1, 0.001 * position] * 4000, 16000)
        pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
        return folder

    return write


def choices(folder, *sources, labelled="all"):
    """Return the choices that a recipe is made of."""
    return choose(find_situation(folder, [str(source) for source in sources], labelled=labelled), name="mine")


def chosen(folder, *sources, labelled="all"):
    """Return the recipe chosen, as a tree."""
    tree = {}
    for choice in choices(folder, *sources, labelled=labelled):
        assert choice.why
        tree |= choice.keys
    return tree


def checked(file):
    """Return a recipe that `transfer check` finds nothing wrong with."""
    check(file, ["split.near_copies=false"])
    return load_recipe(file)


def reasons(folder, *sources, labelled="all"):
    """Return all that is said."""
    return " ".join(choice.why for choice in choices(folder, *sources, labelled=labelled))


def taken_up(text, first):
    """Return a recipe in which the offer that begins with a key stands in the place of the keys of the same names."""
    offers = re.findall(r"(?m)(?:^# (?:[a-z]+:|[ -]).*\n)+", text)
    offer = next(found for found in offers if found.startswith(f"# {first}:"))
    return yaml.safe_load(text) | yaml.safe_load(re.sub(r"(?m)^# ", "", offer))


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


@pytest.mark.parametrize(
    ("labels", "positive", "guess"),
    [(("gesund", "krank"), "krank", False), (("krank", "nicht"), "krank", False), (("Yin", "Yang"), "Yin", True)],
)
def test_the_class_that_sensitivity_is_about_is_written_and_a_guess_said(own, labels, positive, guess):
    folder = own(*labels)
    assert chosen(folder)["positive"] == positive
    assert ("a guess by alphabet" in reasons(folder)) == guess


def test_unknown_speakers_are_learnt_from_without_labels_and_found_by_ear(shelf):
    tree = chosen(shelf / "unnamed", shelf / "nemo")
    assert tree["target"]["labelled_speakers"] == "none"
    assert tree["split"]["transductive"]
    assert (tree["normalisation"], tree["warping"]) == ("voice", True)
    assert tree["strategy"] == {"name": "self_training"}


def test_where_no_class_is_shared_the_target_is_learnt_alone_and_the_network_is_offered(shelf, tmp_path):
    tree = chosen(shelf / "clinic", shelf / "emovo")
    assert (tree["frontend"], tree["extractor"]["name"]) == ({"name": "prosody"}, "functionals")
    assert (tree["strategy"], tree["selection"]) == ({"name": "scratch"}, {"by": "last"})
    said = init(shelf / "clinic", [str(shelf / "emovo")], out=tmp_path / "clinic.yaml")
    assert not any("in other words" in why for why in said["why"])  # the registry knows all words
    (tmp_path / "deep.yaml").write_text(yaml.safe_dump(taken_up((tmp_path / "clinic.yaml").read_text(), "frontend")))
    deep = checked(tmp_path / "deep.yaml")
    assert (deep.extractor.name, deep.strategy.name, deep.split.valid) == ("multi_tim", "finetune", 0.2)


def test_one_unknown_word_is_left_out_and_the_other_classes_are_shared(shelf, own):
    folder = own("anger", "fear", "sad", "other")
    tree = chosen(folder, shelf / "nemo")
    assert (tree["labels"], tree["strategy"]) == ("shared", {"name": "joint"})
    assert tree["target"]["relabel"] == {"anger": "anger", "fear": "fear", "sad": "sad"}
    assert "relabel" not in tree["source"][0]
    assert "does not know (own: other 4)" in reasons(folder, shelf / "nemo")
    tree = chosen(shelf / "nemo", folder)
    assert tree["source"][0]["relabel"] == {"anger": "anger", "fear": "fear", "sad": "sad"}


def test_classes_in_another_language_get_a_relabel_to_fill_in(shelf, own, tmp_path):
    said = init(own("Wut", "Freude", "neutral"), [str(shelf / "nemo")], out=tmp_path / "own.yaml")
    assert "source's classes in other words, map them" in " ".join(said["why"])
    assert said["recipe"]["strategy"]["name"] == "scratch"
    text = (tmp_path / "own.yaml").read_text()
    assert "relabel: {Freude: '...', Wut: '...', neutral: neutral}" in text
    filled = text.replace("Freude: '...'", "Freude: joy").replace("Wut: '...'", "Wut: anger")
    (tmp_path / "mapped.yaml").write_text(yaml.safe_dump(taken_up(filled, "target")))
    mapped = check(tmp_path / "mapped.yaml", ["split.near_copies=false"])
    assert load_recipe(tmp_path / "mapped.yaml").strategy.name == "joint"
    assert set(mapped.slices["label"]) == {"anger", "happiness", "neutral"}


def test_classes_of_a_linear_model_are_drawn_equally_often(shelf):
    assert chosen(shelf / "emovo")["training"]["balance"] == "sampler"


@pytest.mark.parametrize("labelled", ["none", 2])
def test_a_target_with_no_or_few_labels_is_learnt_from_by_self_training(shelf, tmp_path, command, labelled):
    file = tmp_path / "few.yaml"
    code, _, err = command("init", shelf / "emovo", "--source", shelf / "nemo", "--labelled", labelled, "--out", file)
    assert (code, err) == (0, "")
    recipe = checked(file)
    assert (recipe.strategy.name, recipe.target.labelled_speakers) == ("self_training", labelled)
    assert (recipe.split.transductive, recipe.normalisation) == (True, "speaker")


def test_few_labelled_speakers_without_a_source_are_learnt_from(shelf, tmp_path):
    init(shelf / "emovo", labelled=2, out=tmp_path / "few.yaml")
    assert checked(tmp_path / "few.yaml").strategy.name == "self_training"


def test_labels_that_are_withheld_need_a_source_of_the_same_classes(shelf, own):
    with pytest.raises(UserError, match=r"no label of emovo is to be learnt from.*shares no two classes"):
        chosen(shelf / "emovo", labelled="none")
    with pytest.raises(UserError, match=r"its own: Freude, Wut.*rename them in a manifest"):
        chosen(own("Wut", "Freude"), shelf / "nemo", labelled="none")


@pytest.mark.parametrize(
    ("labelled", "says"), [("0", "at least 1"), ("4", "has 4 speakers"), ("some", "expected none")]
)
def test_a_number_of_labelled_speakers_that_leaves_nobody_to_test_is_refused(shelf, command, labelled, says):
    code, _, err = command("init", shelf / "emovo", "--labelled", labelled, "--out", "never.yaml")
    assert code == 2
    assert says in err


def test_a_bundle_is_not_learnt_on_without_labels(shelf):
    target = find_situation(shelf / "emovo").target
    with pytest.raises(UserError, match=r"m\.bundle is learnt on with labels.*name a number of speakers"):
        choose(Situation(target, bundle=shelf / "m.bundle", labelled="none"), name="mine")


def test_an_empty_label_is_refused_with_how_to_proceed(shelf, own):
    folder = own("anger", "fear", "")
    with pytest.raises(UserError, match=r"line 4: empty label; .*any of the source's classes.*--labelled none"):
        find_situation(folder)
    with pytest.raises(UserError, match=r"line 4: empty label$"):  # of a source every class has to be known
        find_situation(shelf / "nemo", [str(folder)])


def test_audio_that_is_left_out_is_counted(shelf, own):
    folder = own("anger", "fear")
    assert "left out (" not in reasons(folder, shelf / "nemo")
    for name in ("extra.wav", "more.wav", "notes.txt"):
        (folder / name).touch()
    assert "own: 2 audio files are left out (extra.wav, more.wav)" in reasons(folder, shelf / "nemo")
    assert "own: 2 audio files are left out" in reasons(shelf / "nemo", folder)


def test_what_voices_were_worth_is_said_with_its_condition(shelf):
    said = reasons(shelf / "unnamed", shelf / "nemo")
    assert "two real corpora of five and six speakers" in said
    assert "Set `voices` to how many people speak" in said
    assert "Ranks rather" not in said  # which was measured by speaker


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
