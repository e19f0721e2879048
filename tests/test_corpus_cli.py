"""`transfer corpus`: what it prints, as text and JSON, and how it exits."""

import json
import shutil

import pytest

from transfer.data.synthetic import synthesize


@pytest.fixture(scope="module")
def emovo(tmp_path_factory):
    return synthesize("emovo", tmp_path_factory.mktemp("corpora") / "emovo", speakers=4, clips=2)


def test_list_names_every_reader_and_what_is_here(command, emovo, monkeypatch):
    from transfer.data.readers import READERS

    monkeypatch.setenv("TRANSFER_CORPORA", str(emovo.parent))
    code, out, _ = command("corpus", "list", "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found) == set(READERS)
    assert [name for name, entry in found.items() if entry["here"]] == ["emovo"]
    assert "emovo" in command("corpus", "list")[1]


def test_describe_counts_a_folder_whose_reader_it_guesses(command, emovo, tmp_path):
    picture = tmp_path / "emovo.png"
    code, out, err = command("corpus", "describe", emovo, "--json", "--picture", picture)
    found = json.loads(out)
    assert code == 0
    assert "read as emovo" in err
    assert (found["clips"], found["speakers"], len(found["classes"])) == (56, 4, 7)
    assert found["synthetic"] is True
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "56 clips" in command("corpus", "describe", emovo)[1]


def test_a_speaker_whose_name_commands_the_terminal_is_described_without_harm(command, emovo, tmp_path):
    clip = next(emovo.rglob("*.wav"))
    for number in range(2):
        shutil.copy(clip, tmp_path / f"{number}.wav")
    (tmp_path / "manifest.csv").write_text("path,label,speaker\n0.wav,a,\x1b[2J\x1b[8m\n1.wav,b\x9b31m,x\n")
    code, out, err = command("corpus", "describe", tmp_path)
    assert code == 0
    assert r"\x1b[2J\x1b[8m" in out
    assert r"b\x9b31m" in out
    assert not {"\x1b", "\x9b"} & set(out + err)


def test_check_exits_with_1_and_names_a_copy_at_another_gain(command, emovo, tmp_path):
    import soundfile

    assert command("corpus", "check", emovo)[0] == 0
    root = tmp_path / "emovo"
    shutil.copytree(emovo, root)
    files = sorted(root.rglob("*.wav"))
    first, second = files[0], files[-1]
    wave, rate = soundfile.read(first)
    soundfile.write(second, 0.4 * wave[rate // 10 :], rate)
    code, out, _ = command("corpus", "check", root, "--json")
    faults = {fault["kind"]: fault for fault in json.loads(out)["faults"]}
    assert code == 1
    assert faults["near-duplicate"]["count"] == 1
    assert first.name in faults["near-duplicate"]["examples"][0]
    assert "near-duplicate" in command("corpus", "check", root)[1]
    shutil.copy(emovo / second.relative_to(root), second)
    shutil.copy(emovo / first.relative_to(root), first.with_name(first.name.replace(".wav", "0.wav")))
    code, out, _ = command("corpus", "check", root, "--json")
    assert code == 0
    assert [fault["kind"] for fault in json.loads(out)["faults"]] == ["duplicate of a speaker"]


def test_probe_reports_every_confound_against_permuted_labels(command, emovo):
    code, out, _ = command("corpus", "probe", emovo, "--json", "--permutations", "50")
    found = json.loads(out)
    assert code == 0
    assert {"duration", "loudness", "snr", "sex", "speaker"} <= {probe["confound"] for probe in found["probes"]}
    assert all(0 < probe["p"] <= 1 and probe["chance"] <= probe["high"] for probe in found["probes"])
    assert "permuted" in command("corpus", "probe", emovo, "--permutations", "20")[1]


def test_synthesize_turns_single_dials_and_tells_the_best_score(command, tmp_path):
    words = ("corpus", "synthesize", "casia", "--clips", "1", "--speakers", "1", "--shift", "0.2", "--out")
    dials = ("--dial", "channel=0.5", "--dial", "label_noise=0.25")
    code, out, err = command(*words, tmp_path / "casia", *dials)
    record = json.loads((tmp_path / "casia" / "synthetic.json").read_text())
    assert code == 0
    assert out.strip() == str(tmp_path / "casia")
    assert record["shift"] == {"channel": 0.5, "noise": 0.2, "language": 0.2, "rhythm": 0.2}
    assert record["difficulty"]["label_noise"] == 0.25
    assert f"best UAR that can be had from one clip: {record['known_best']['uar']:.3f}" in err
    for dial, message in (("chanel=1", "did you mean 'channel'"), ("prior=much", "as in prior=0.5")):
        code, _, err = command(*words, tmp_path / "new", "--dial", dial)
        assert code == 2
        assert message in err


def test_a_folder_of_nothing_exits_with_2(command, tmp_path):
    code, _, err = command("corpus", "check", tmp_path)
    assert code == 2
    assert "error:" in err


@pytest.mark.corpora
@pytest.mark.parametrize(("name", "clips", "speakers", "each"), [("nemo", 1050, 5, 175), ("emovo", 588, 6, 84)])
def test_check_tells_the_truth_about_the_real_corpora(command, corpora, name, clips, speakers, each):
    _, out, _ = command("corpus", "check", corpora / name, "--json")
    found = json.loads(out)
    assert (found["clips"], found["speakers"]) == (clips, speakers)
    assert set(found["classes"].values()) == {each}
    assert {fault["kind"] for fault in found["faults"]} <= {"near-duplicate of a speaker"}


def test_a_label_in_square_brackets_is_printed_as_it_is(capsys):
    from transfer.console import console

    console(stderr=False).print("label [/b] and [sad]")
    assert "label [/b] and [sad]" in capsys.readouterr().out


def test_a_picture_of_an_unknown_kind_exits_with_2(command, emovo, tmp_path):
    code, _, err = command("corpus", "describe", emovo, "--picture", tmp_path / "emovo.foo")
    assert code == 2
    assert "use .png, .svg or .pdf" in err
