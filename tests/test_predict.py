"""A trained model on other audio: the same numbers as in the run, whatever way the audio is named."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.bundles import run_tiny
from transfer import predict, run
from transfer.checkpoint import read_checkpoint
from transfer.clips import find_clips
from transfer.corpus_sections import Slices
from transfer.data.sound import Sound, decode
from transfer.data.synthetic import synthesize
from transfer.errors import AudioError, RecipeError, UserError
from transfer.evaluation.predictions import read_predictions
from transfer.export_cli import export
from transfer.predicting import Predictor
from transfer.predictions_file import write_answer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of a finished run with plain ids, and the audio that it was tested on."""
    from transfer.loading import load_recipe
    from transfer.standins import with_standins

    here = tmp_path_factory.mktemp("predict")
    run_tiny(here, "plain_ids=true")
    recipe = with_standins(load_recipe(here / "tiny.yaml", synthetic=True))
    return here / "out", recipe.target.root


@pytest.fixture
def audio(tmp_path):
    generator = np.random.default_rng(0)
    for name, rate, seconds in (("a", 16000, 1.0), ("b", 44100, 6.5)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * generator.standard_normal(int(rate * seconds)), rate)
    return tmp_path


def test_one_path_may_stand_alone_and_what_lasts_no_word_is_said(trained, tmp_path):
    soundfile.write(tmp_path / "long.wav", 0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
    soundfile.write(tmp_path / "blip.wav", 0.1 * np.random.default_rng(0).standard_normal(1600), 16000)
    assert not [note for note in predict(trained[0], str(tmp_path / "long.wav")).notes if "no word" in note]
    assert "1 of 1 slices last less than 0.3 s" in " ".join(predict(trained[0], tmp_path / "blip.wav").notes)
    assert "1 of 2 slices last less than 0.3 s" in " ".join(predict(trained[0], tmp_path).notes)


def test_an_output_that_is_there_is_refused_before_anything_is_heard(trained, tmp_path, capsys, monkeypatch):
    from transfer.cli import main

    (tmp_path / "out.csv").touch()
    monkeypatch.setattr(
        sys, "argv", ["transfer", "predict", str(trained[0]), "absent.wav", "--out", str(tmp_path / "out.csv")]
    )
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 2
    assert "out.csv exists" in capsys.readouterr().err


def test_the_probabilities_are_those_of_the_run(trained):
    folder, root = trained
    table = read_predictions(folder / "predictions.parquet")
    temperature = json.loads((folder / "summary.json").read_text())["evaluation"]["temperature"]
    recordings = sorted(set(table["recording"]))[:6]
    found = predict(folder, [f"{root}/{name}" for name in recordings], level="slice").table
    for name in recordings:
        own = table[table["recording"] == name].sort_values("slice")["p_MDD"].to_numpy()
        here = found[found["recording"] == f"{root}/{name}"].sort_values("start")["p_MDD"].to_numpy()
        odds = temperature * np.log(here / (1 - here))  # calibration undone
        assert 1 / (1 + np.exp(-odds)) == pytest.approx(own, abs=1e-5)


def test_files_folders_patterns_and_tables_name_the_same_audio(trained, audio):
    (audio / "list.csv").write_text("path,speaker\na.wav,x\nb.wav,x\n")
    (audio / "note.txt").write_text("no audio")
    named = [[audio / "a.wav", audio / "b.wav"], [audio], [f"{audio}/*.wav"], [audio / "list.csv"]]
    tables = [predict(trained[0], paths, level="slice").table for paths in named]
    for table in tables:
        assert len(table) == 3  # one second is a slice; six and a half are two windows of four
        assert table[["p_HC", "p_MDD"]].to_numpy() == pytest.approx(tables[0][["p_HC", "p_MDD"]].to_numpy(), abs=1e-6)
    assert set(tables[3]["speaker"]) == {"x"}


def test_levels_are_slices_recordings_and_named_speakers(trained, audio):
    (audio / "list.csv").write_text("path,speaker\na.wav,x\nb.wav,x\n")
    rows = {
        level: len(predict(trained[0], [audio / "list.csv"], level=level).table)
        for level in ("slice", "recording", "subject")
    }
    assert rows == {"slice": 3, "recording": 2, "subject": 1}
    with pytest.raises(UserError, match="needs to know who speaks"):
        predict(trained[0], [audio / "a.wav"], level="subject")


def test_what_cannot_be_read_is_skipped_by_name_or_refused(trained, audio):
    (audio / "text.wav").write_text("this is no audio")
    (audio / "empty.wav").write_bytes(b"")
    (audio / "cut.wav").write_bytes((audio / "b.wav").read_bytes()[:30])
    soundfile.write(audio / "silent.wav", np.zeros(16000), 16000)
    header = bytearray((audio / "a.wav").read_bytes()[:1000])
    header[4:8] = header[40:44] = (3_000_000_000).to_bytes(4, "little")
    (audio / "huge.wav").write_bytes(bytes(header))
    whole = (audio / "b.wav").read_bytes()
    (audio / "half.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(audio / "many.wav", 0.1 * np.random.default_rng(0).standard_normal((19200, 8)), 192000)
    found = predict(trained[0], [audio])
    said = {path.rpartition("/")[2]: why for path, why in found.problems.items()}
    reasons = {
        "text.wav": "unreadable",
        "empty.wav": "unreadable",
        "cut.wav": "unreadable",
        "silent.wav": "silent",
        "huge.wav": "cut off (956 of 3000000000 bytes)",
        "half.wav": "cut off",
        "many.wav": "8 channels at 192000 Hz",
    }
    assert set(said) == set(reasons)
    assert all(reasons[name] in why for name, why in said.items()), said
    assert [path.rpartition("/")[2] for path in found.table["recording"]] == ["a.wav", "b.wav"]
    with pytest.raises(AudioError, match="cannot be used"):
        predict(trained[0], [audio], unreadable="refuse")
    with pytest.raises(AudioError, match="1 of 1 clips cannot be used"):
        predict(trained[0], [audio / "text.wav"])


def test_a_recording_in_memory_sounds_like_the_same_in_a_file(trained, audio):
    predictor = Predictor(read_checkpoint(trained[0]))
    stereo = 0.1 * np.random.default_rng(1).standard_normal((int(48000 * 5.3), 2))
    soundfile.write(audio / "stereo.flac", stereo, 48000)
    for name in ("a.wav", "b.wav", "stereo.flac"):
        for level in ("slice", "recording"):
            filed = predictor(find_clips([audio / name]), level=level).table
            heard = predictor.listen(decode((audio / name).read_bytes()), level=level).table
            columns = ["p_HC", "p_MDD"]
            assert heard[columns].to_numpy() == pytest.approx(filed[columns].to_numpy(), abs=1e-9)
            assert list(heard["decision"]) == list(filed["decision"])
    with pytest.raises(AudioError, match="silent from 0 s to 1 s"):
        predictor.listen(Sound(np.zeros(16000, np.float32), 16000))


def test_a_recording_of_a_model_that_joined_recordings_is_cut_by_itself(trained, audio, monkeypatch):
    predictor = Predictor(read_checkpoint(trained[0]))
    slices = Slices(version="V0", seconds=4)
    target = predictor.recipe.target.model_copy(update={"slices": slices})
    monkeypatch.setattr(predictor, "recipe", predictor.recipe.model_copy(update={"target": target}))
    table = predictor(find_clips([audio]), level="slice").table
    assert table[["start", "end"]].to_numpy().tolist() == [[0, 1], [0, 4], [4, 6.5]]


def test_mistakes_are_named(trained, audio, tmp_path):
    (tmp_path / "bad.csv").write_text("file\na.wav\n")
    for paths, message in (
        ([audio / "none.wav"], "there is no file"),
        ([f"{audio}/*.flac"], "fits no file"),
        ([tmp_path / "bad.csv"], "needs a column `path`"),
        ([], "no audio to predict on"),
    ):
        with pytest.raises(UserError, match=message):
            find_clips(paths)
    with pytest.raises(RecipeError, match="no model file"):
        predict(tmp_path, [audio])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no audio file"):
        find_clips([tmp_path / "empty"])


def test_nothing_of_the_audio_is_kept(trained, audio, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_CACHE", str(tmp_path / "own"))
    predict(trained[0], [audio / "a.wav"])
    assert not list((tmp_path / "own").rglob("*.safetensors"))


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_predictions_are_written_as_they_are_and_over_nothing(form, tmp_path):
    table = pd.DataFrame({"recording": ["a", "b"], "p_x": [0.25, 1.0]})
    file = tmp_path / f"out.{form}"
    assert write_answer(table, file) is None
    readers = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}
    pd.testing.assert_frame_equal(readers[form](file), table, check_dtype=False)
    with pytest.raises(UserError, match="never write over"):
        write_answer(table, file)
    with pytest.raises(UserError, match="no format 'xls'"):
        write_answer(table, tmp_path / "out.xls")


def test_no_cell_is_a_formula():
    text = write_answer(pd.DataFrame({"recording": ["=cmd()", "+1", "plain"]}), None, "csv")
    assert list(pd.read_csv(io.StringIO(text))["recording"]) == ["'=cmd()", "'+1", "plain"]


def test_the_command_reads_paths_from_standard_input(trained, audio):
    command = [sys.executable, "-m", "transfer", "predict", str(trained[0]), "-", "--format", "json"]
    done = subprocess.run(command, input=f"{audio}/a.wav\n", capture_output=True, text=True, check=True)
    (row,) = json.loads(done.stdout)
    assert row["decision"] in ("HC", "MDD")
    assert "no diagnosis" in done.stderr


def test_voices_of_clips_without_speakers_are_found_as_the_run_found_them(tmp_path, monkeypatch):
    """What a transductive run was scored on gets the same probabilities from `predict`, from the run and from its bundle."""
    from tests.conftest import TINY

    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    target = synthesize("emovo", tmp_path / "emovo", speakers=3, clips=2)
    source = synthesize("ravdess", tmp_path / "ravdess", speakers=3, clips=1)
    parts = [
        "frontend={name: egemaps}",
        "extractor={name: functionals, widths: []}",
        "head={name: linear}",
        "heads=shared",
    ]
    parts += [f"target={{corpus: emovo, root: {target}, slices: {{version: whole}}, labelled_speakers: none}}"]
    parts += [f"source={{corpus: ravdess, root: {source}, slices: {{version: whole}}}}", "labels=shared"]
    parts += ["normalisation=voice", "voices=2", "warping=true", "strategy={name: source_only}", "selection.by=last"]
    parts += ["split={valid: 0, transductive: true}", "tracking.kind=none", "plain_ids=true"]
    run(tmp_path / "tiny.yaml", parts, out=tmp_path / "out")
    scored = read_predictions(tmp_path / "out" / "predictions.parquet")
    columns = [name for name in scored if name.startswith("p_")]
    export("out", "bundle", "voices.bundle")
    for model in (tmp_path / "out", tmp_path / "voices.bundle"):
        said = predict(model, [str(path) for path in sorted(target.rglob("*.wav"))], level="slice")
        assert "each voice that was found by ear (2)" in said.notes[0]
        ours = said.table.set_index(said.table["path"].map(lambda path: Path(path).stem))[columns]
        theirs = scored.set_index(scored["recording"].map(lambda name: Path(name).stem))[columns]
        pd.testing.assert_frame_equal(ours.loc[theirs.index], theirs, check_names=False, atol=1e-5, check_dtype=False)


def test_a_model_of_functionals_that_knows_each_speaker_wants_clips_enough_and_uses_them(tmp_path, monkeypatch):
    from tests.conftest import TINY
    from transfer.serve_cli import build_server
    from transfer.serving.limits import Limits

    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    parts = ["frontend={name: egemaps}", "extractor={name: functionals, widths: []}", "head={name: linear}"]
    parts += ["normalisation=speaker", "strategy={name: scratch}", "source=[]", "target.slices={version: whole}"]
    run(tmp_path / "tiny.yaml", ["tracking.kind=none", *parts], synthetic=True, out=tmp_path / "out")
    generator, rows = np.random.default_rng(0), []
    for i in range(10):
        soundfile.write(tmp_path / f"{i}.wav", 0.1 * (1 + i) * generator.standard_normal(16000), 16000)
        rows.append(f"{i}.wav,{'ab'[i % 2]}")
    files = [str(tmp_path / f"{i}.wav") for i in range(10)]
    with pytest.raises(UserError, match=r"expected 5 at least of each, better 20; fewer are there of all clips \(1\)"):
        predict(tmp_path / "out", files[:1])
    with pytest.raises(UserError, match=r"normalisation: speaker.*no such company"):
        build_server(tmp_path / "out", Limits())
    together = predict(tmp_path / "out", files)
    assert "all clips together" in together.notes[0]
    assert together.table["p_MDD"].nunique() == 10
    (tmp_path / "list.csv").write_text("path,speaker\n" + "\n".join(rows), encoding="utf-8")
    apart = predict(tmp_path / "out", [str(tmp_path / "list.csv")])
    assert apart.notes[0] == "standardised by each speaker's clips"
    one = predict(tmp_path / "out", files[::2]).table.set_index("recording")["p_MDD"]
    both = apart.table.set_index("recording")["p_MDD"]
    for name in one.index:  # speaker a by clips of a alone
        assert both[[n for n in both.index if str(n).endswith(name[-5:])]].to_list() == pytest.approx(
            [one[name]], abs=1e-6
        )
