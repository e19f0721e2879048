"""The command line: what it prints, where, and how it exits."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from transfer.keeper import Stopped


def test_help_imports_nothing_heavy():
    code = "import sys, transfer.cli; print(sorted({'torch', 'numpy', 'pandas', 'mlflow', 'rich'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_json_is_alone_on_stdout(command, tiny, tmp_path):
    code, out, err = command("run", tiny, "--synthetic", "--json", "--out", tmp_path / "out", "tracking.kind=none")
    assert code == 0
    assert json.loads(out)["name"] == "tiny"
    assert "casia" in err


def test_run_ends_in_a_table_with_intervals(command, tiny, tmp_path):
    code, out, _ = command("run", tiny, "--synthetic", "--out", tmp_path / "out", "tracking.kind=none")
    assert code == 0
    for word in ("subject", "UAR", "sensitivity", "leakage", "SYNTHETIC", "[", str(tmp_path / "out")):
        assert word in out, word


def test_check_show_and_list_answer(command, tiny):
    code, out, _ = command("check", tiny, "--synthetic")
    assert code == 0
    assert "nothing wrong found" in out
    code, out, _ = command("show", tiny)
    assert code == 0
    assert "epochs: 2" in out
    code, out, _ = command("list")
    assert code == 0
    for name in (
        "ddg",
        "multi_tim",
        "temporal",
        "mmd",
        "casia",
        "modma",
        "mfcc",
        "casia_to_modma_ddg",
        "nemo_to_emovo/dann",
    ):
        assert f"  {name} " in out, name
    code, out, _ = command("list", "strategies", "--json")
    assert "ddg" in json.loads(out)["strategies"]


def test_synthesize_writes_a_corpus_that_can_be_read(command, tmp_path):
    code, out, _ = command("corpus", "synthesize", "casia", "--out", tmp_path / "casia", "--clips", "1")
    assert code == 0
    assert out.strip() == str(tmp_path / "casia")
    assert len(list((tmp_path / "casia").rglob("*.wav"))) == 24


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "casia_to_modma_dgg"], "did you mean 'casia_to_modma_ddg'"),
        (["run", "casia_to_modma_ddg", "training.epoch=3"], "did you mean 'epochs'"),
        (["run", "casia_to_modma_ddg"], "TRANSFER_CORPORA"),
        (["show", "nowhere.yaml"], "no recipe"),
        (["corpus", "synthesize", "casa", "--out", "x"], "did you mean 'casia'"),
    ],
)
def test_a_mistake_prints_one_message_and_exits_with_2(words, says, command, monkeypatch, tmp_path):
    monkeypatch.delenv("TRANSFER_CORPORA", raising=False)
    monkeypatch.chdir(tmp_path)
    code, out, err = command(*words)
    assert code == 2
    assert says in err
    assert "Traceback" not in err
    assert out == ""
    assert not list(tmp_path.iterdir())


def tone(pitch=220.0):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(16000) / 16000)).astype(np.float32)


@pytest.fixture
def own_corpus(tmp_path, tiny):
    """Return a folder with a manifest of four speakers, and a recipe that trains on it."""
    root = tmp_path / "mine"
    root.mkdir()
    rows = ["path,label,speaker"]
    for i in range(8):
        soundfile.write(root / f"{i}.wav", tone(200.0 + 10 * i), 16000)
        rows.append(f"{i}.wav,{'ab'[i % 2]},s{i // 2}")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    recipe = tiny.read_text().split("source:")[0].replace("mmd", "scratch")
    recipe += f"target: {{corpus: mine, root: {root}}}\nsplit: {{valid: 0.25, test: 0.25}}\ntraining: {{epochs: 1}}\n"
    recipe += "tracking: {kind: none}\n"
    tiny.write_text(
        recipe + "extractor: {name: multi_tim, mode: plain, blocks: 1}\nhead: {name: temporal, blocks: 1}\n"
    )
    return root


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p.write_bytes(b"no audio"), "unreadable"),
        (lambda p: p.write_bytes(b""), "unreadable"),
        (lambda p: soundfile.write(p, np.zeros(0, np.float32), 16000), "empty"),
        (lambda p: soundfile.write(p, np.zeros(16000, np.float32), 16000), "silent"),
        (
            lambda p: soundfile.write(p, np.where(np.arange(16000) == 9, np.nan, tone()), 16000, subtype="FLOAT"),
            "finite",
        ),
    ],
)
def test_audio_that_cannot_be_used_is_refused_by_name_or_skipped_by_choice(
    spoil, says, own_corpus, command, tiny, tmp_path
):
    spoil(own_corpus / "3.wav")
    code, _, err = command("run", tiny, "--out", tmp_path / "out")
    assert code == 2
    assert "3.wav" in err
    assert says in err
    assert not (tmp_path / "out").exists()
    code, out, _ = command("run", tiny, "bad_audio=skip", "--json", "--out", tmp_path / "out")
    assert code == 0
    skipped = json.loads(out)["skipped"]
    assert sum(skipped["clips"].values()) + skipped["slices"] == 1


def test_a_corpus_with_one_speaker_is_named(own_corpus, command, tiny):
    manifest = own_corpus / "manifest.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([lines[0], *(line.rsplit(",", 1)[0] + ",s0" for line in lines[1:])]))
    code, _, err = command("run", tiny)
    assert code == 2
    assert "1 speaker" in err
    assert "mine" in err


def relabel(corpus, **words):
    """Write other labels into a manifest; None leaves a clip out."""
    header, *rows = (corpus / "manifest.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows]
    kept = [",".join([path, words[label], who]) for path, label, who in cells if words[label] is not None]
    (corpus / "manifest.csv").write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def test_a_target_with_one_class_is_refused_before_training(own_corpus, command, tiny, tmp_path):
    relabel(own_corpus, a="Depression", b=None)
    for words in (("check", tiny), ("run", tiny, "--out", tmp_path / "out")):
        code, _, err = command(*words)
        assert code == 2
        assert "mine has one class (Depression)" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("labels", "said", "positive"),
    [
        (("gesund", "depressiv"), False, "depressiv"),
        (("Yin", "Yang"), True, "Yin"),
        (("Kontrolle", "Burnout"), False, "Burnout"),
    ],
)
def test_a_positive_class_taken_by_alphabet_is_said(labels, said, positive, own_corpus, command, tiny, tmp_path):
    relabel(own_corpus, a=labels[0], b=labels[1])
    note = f"sensitivity is about '{positive}' and specificity about"
    code, out, _ = command("check", tiny)
    assert (code, note in " ".join(out.split())) == (0, said)
    assert note not in " ".join(command("check", tiny, f"positive={positive}")[1].split())
    code, out, _ = command("run", tiny, "--json", "--out", tmp_path / "out")
    summary = json.loads(out)
    assert summary["metrics"]["test"]["recording"]["positive"] == positive
    assert any(note in line for line in summary["notes"]) == said


def test_an_empty_corpus_and_a_missing_one_are_named(command, tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    for root in ("empty", "missing"):
        code, _, err = command("run", tiny, f"source.root={tmp_path / root}")
        assert code == 2
        assert root in err


def test_an_interrupted_run_says_that_it_was_saved_and_exits_with_its_signal(command, tiny, monkeypatch):
    def stopped(*args, **options):
        raise Stopped("SIGTERM: the run is saved; go on with --resume", 15)

    monkeypatch.setattr("transfer.experiment.run", stopped)
    code, _, err = command("run", tiny, "--synthetic")
    assert code == 143
    assert err.endswith("stopped; SIGTERM: the run is saved; go on with --resume\n")
