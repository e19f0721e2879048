"""`transfer describe`."""

import json

import pytest

from transfer.description import describe_extractor
from transfer.errors import RecipeError


def test_the_text_says_what_a_person_asks(command):
    code, out, _ = command("describe", "tcn", "blocks=3")
    assert code == 0
    lines = {line[:16].strip(): line[16:].strip() for line in out.splitlines()}
    assert lines["input"] == "39 channels x 313 frames (mfcc, 10.02 s)"
    assert lines["output"] == "39 x 313, 3 scales"
    assert lines["receptive field"] == "15 frames, 0.48 s"
    weights = 3 * 2 * (2 * 39 * 39)
    assert lines["parameters"] == f"{weights + 3 * 2 * 2 * 39:,}"
    assert lines["multiply-adds"] == f"{313 * weights:,}"
    assert "stack.blocks.2.body.1.norm" in out.replace("\n", "")


def test_json_is_alone_on_stdout_and_says_the_same(command):
    words = ["describe", "tim", "blocks=2", "frontend.order=1", "--frames", "40", "--json"]
    code, out, _ = command(*words)
    assert code == 0
    found = json.loads(out)
    assert found["input"] == [13, 40]
    assert found["output"] == [39, 40]
    assert found["receptive_field"] == {"frames": 13, "seconds": pytest.approx(13 * 512 / 16000, abs=1e-3)}
    assert sum(layer["parameters"] for layer in found["layers"]) == found["parameters"]


def test_frozen_parameters_are_not_counted_as_trainable(command):
    words = ["describe", "wav2vec2", "weights=random", "size=tiny", "--frames", "2000"]
    found = {frozen: json.loads(command(*words, f"frozen={frozen}", "--json")[1]) for frozen in ("none", "all")}
    assert found["none"]["trainable"] == found["none"]["parameters"] == found["all"]["parameters"]
    assert found["all"]["trainable"] < 100, "the weights of the layers alone"
    assert f", {found['all']['trainable']} trainable" in command(*words, "frozen=all")[1]


def test_the_whole_clip_is_said_in_words(command):
    small = ["width=8", "heads=1", "layers=1", "feedforward=8"]
    code, out, _ = command("describe", "bert", *small, "--frames", "30")
    assert code == 0
    assert "receptive field  the whole clip" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["timm"], "did you mean 'tim'"),
        (["tim", "block=3"], "did you mean 'blocks'"),
        (["tim", "blocks=two"], "extractor.blocks"),
        (["tim", "blocks"], "key=value"),
        (["tim", "head.classes=2"], "frontend.key=value"),
        (["tim", "frontend.ordr=2"], "did you mean 'order'"),
        (["tim", "--frontend", "mfc"], "did you mean 'mfcc'"),
        (["tim", "frontend=spectrogram"], "the front end is named by --frontend spectrogram"),
        (["sincnet", "--frontend", "mfcc"], "here: --frontend NAME"),
        (["hubert", "size=tiny"], "`weights=random` describes it without a file"),
        (["tim", "--frames", "0"], "--frames is 0"),
        (["set", "layers=1"], "less than two layers"),
    ],
)
def test_a_mistake_prints_one_message_and_exits_with_2(words, says, command):
    code, out, err = command("describe", *words)
    assert code == 2
    assert says in err
    assert "Traceback" not in err
    assert out == ""


def test_values_that_are_no_yaml_are_refused():
    with pytest.raises(RecipeError, match="the value is not YAML"):
        describe_extractor("tim", ["blocks=[1"])


@pytest.mark.parametrize("name", ["wav2vec2", "hubert", "wavlm"])
@pytest.mark.parametrize("frozen", ["none", "convolutions", "all"])
def test_a_frozen_network_on_waveforms_hears_the_whole_clip_too(name, frozen):
    options = ["weights=random", "size=tiny", f"frozen={frozen}"]
    found = describe_extractor(name, options, frontend="waveform", frames=2000)
    assert found["output"] == [24, 49]  # (2000 - 10) // 5 + 1 samples, then kernels 3, 3, 2 at strides of 2
    assert found["receptive_field"]["frames"] is None  # by its attention


@pytest.mark.parametrize(
    ("name", "options", "front_end", "frames"),
    [
        ("tim", [], "mfcc", 20),
        ("sincnet", ["filters=4"], "waveform", 3200),
        ("cnn_lstm", [], "waveform", 2000),
        ("vggish_lstm", ["hidden=16", "channels=[8, 8, 8, 8]"], "log_mel", 96),
    ],
)
def test_without_a_front_end_named_one_is_taken_that_fits(name, options, front_end, frames):
    assert describe_extractor(name, options, frames=frames)["frontend"]["name"] == front_end


def test_functionals_have_one_frame_which_is_the_clip():
    found = describe_extractor("functionals")
    assert (found["input"], found["output"], found["seconds"]) == ([88, 1], [128, 1], 10)
    assert found["receptive_field"] == {"frames": 1, "seconds": 10}
    assert found["parameters"] > 88 * 256 + 256 * 128


def test_a_frozen_vggish_hears_the_whole_clip_through_its_lstm():
    front_end = ["frontend.bands=64", "frontend.n_fft=400", "frontend.hop=160"]
    options = ["channels=[8, 8, 8, 8]", "hidden=64", "frozen=true", *front_end]
    found = describe_extractor("vggish_lstm", options, frontend="log_mel", frames=192)
    assert found["output"] == [128, 2]
    assert found["receptive_field"]["frames"] is None
