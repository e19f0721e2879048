"""Exported graphs: the logits of PyTorch, whatever the number of clips and their lengths, on real speech where it is there."""

import json
import os
import sys

import numpy as np
import pytest
import soundfile
import torch

from feature_extractors.frontends import FRONTENDS
from transfer.build import build_front_end, build_model
from transfer.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from transfer.cli import main
from transfer.clips import find_clips
from transfer.data.audio import load_audio
from transfer.data.normalisation import Moments
from transfer.errors import RecipeError, UserError
from transfer.exporting import export_graph
from transfer.graph_modules import FeaturesToLogits, WaveformsToLogits
from transfer.predicting import Predictor
from transfer.recipe import Recipe

CLIPS, BATCH, NEAR = 100, 10, 1e-4
SMALL = {"extractor": {"name": "tcn", "blocks": 1, "filters": 5}, "head": {"name": "linear"}}


def recipe(**more):
    tree = {
        "name": "graph",
        "strategy": {"name": "mmd"},
        "source": {"corpus": "nemo"},
        "target": {"corpus": "emovo"},
        "extractor": {"name": "multi_tim", "blocks": 2, "filters": 13},
        "head": {"name": "temporal", "blocks": 1},
    }
    return Recipe.model_validate({**tree, **more})


def checkpoint(folder, **more):
    """Write a model with random weights and moved statistics, as a run would, and read it."""
    checked = recipe(**more)
    front_end = build_front_end(checked)
    classes = {"nemo": ("x", "y", "z"), "emovo": ("x", "y", "z")}
    torch.manual_seed(0)
    model = build_model(checked, in_channels=front_end.channels, classes=classes)
    for i, corpus in enumerate(classes):  # a step of training each, so that statistics differ from corpus to corpus
        model(torch.randn(4, front_end.channels, 60) * (1 + 9 * i) + i, torch.tensor([60, 50, 40, 30]), corpus)
    with torch.no_grad():  # logits that differ by as much as those of a trained model
        model.head("emovo").classifier.weight.mul_(50)
    scale = 20 * torch.rand(front_end.channels) + 1
    names = {"train": ["all"], "corpus": ["nemo", "emovo"]}.get(checked.normalisation, [])
    statistics = {f"{g}.{part}": (scale * (1 + i)).numpy() for i, g in enumerate(names) for part in ("mean", "std")}
    record = {"recipe": checked.model_dump(mode="json"), "classes": classes, "front_end": front_end.record()}
    record["evaluation"] = {"temperature": 1.7, "rule": "mean"}
    write_checkpoint(folder / "model.safetensors", model.eval(), statistics, record)
    return read_checkpoint(folder)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor(checkpoint(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a model that is exported in a second or two."""
    return Predictor(checkpoint(tmp_path_factory.mktemp("small"), **SMALL))


@pytest.fixture(scope="module")
def waveforms(tmp_path_factory):
    """Return 100 clips of real speech, or of stand-ins where the corpora are not there."""
    folder = os.environ.get("TRANSFER_CORPORA")
    files = []
    for name in ("emovo", "nemo") if folder else ():
        clips = find_clips([f"{folder}/{name}"])["path"]
        files += clips.iloc[:: max(1, len(clips) // (CLIPS // 2))].tolist()[: CLIPS // 2]
    if len(files) == CLIPS:
        return [torch.from_numpy(load_audio(file))[: 4 * 16000] for file in files]
    generator = np.random.default_rng(0)
    return [speechlike(generator, int(n)) for n in generator.integers(8000, 64000, CLIPS)]


def speechlike(generator, samples):
    """Return tones that come and go over little noise, with silence at the end."""
    time = np.arange(samples) / 16000
    tones = sum(np.sin(2 * np.pi * f * time) for f in generator.uniform(80, 3000, 6))
    wave = tones * np.abs(np.sin(2 * np.pi * 3 * time)) * 0.05 + 1e-4 * generator.standard_normal(samples)
    wave[-samples // 8 :] = 0
    return torch.from_numpy(wave).float()


def batches(clips):
    for i in range(0, len(clips), BATCH):
        some = clips[i : i + BATCH]
        lengths = torch.tensor([c.shape[-1] for c in some])
        yield torch.stack([torch.nn.functional.pad(c, (0, int(lengths.max()) - c.shape[-1])) for c in some]), lengths


def session(path):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def onnx_file(predictor, tmp_path_factory):
    for name in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    graph = export_graph(predictor, "onnx", path)
    assert graph.difference <= NEAR
    return path


def test_onnx_gives_the_logits_of_pytorch_on_a_hundred_clips(onnx_file, predictor, waveforms):
    features = [predictor.front_end(wave) for wave in waveforms]
    module, graph, worst, seen = FeaturesToLogits(predictor).eval(), session(onnx_file), 0.0, []
    for x, lengths in [*batches(features), (features[0][None], torch.tensor([features[0].shape[-1]]))]:
        with torch.no_grad():
            own = module(x, lengths).numpy()
        (found,) = graph.run(None, {"features": x.numpy(), "lengths": lengths.numpy()})
        worst, seen = max(worst, float(np.abs(found - own).max())), [*seen, own]
    assert worst <= NEAR
    assert np.concatenate(seen).std(axis=0).min() > 0.3  # the clips differ, so that equal logits mean something
    print(f"largest difference on {len(waveforms)} clips: {worst:.2e}")  # noqa: T201


def test_onnx_and_its_record_say_what_predict_says(onnx_file, predictor, waveforms, tmp_path):
    for i, wave in enumerate(waveforms[:3]):
        soundfile.write(tmp_path / f"{i}.wav", wave.numpy(), 16000, subtype="FLOAT")
    table = predictor(find_clips([tmp_path]), level="slice").table
    graph = session(onnx_file)
    record = json.loads(graph.get_modelmeta().custom_metadata_map["transfer"])
    front_end = FRONTENDS["mfcc"](order=record["front_end"]["order"])
    for i, wave in enumerate(waveforms[:3]):
        features = front_end(wave)[None].numpy()
        (logits,) = graph.run(None, {"features": features, "lengths": np.array([features.shape[-1]])})
        odds = np.exp(logits[0] / record["temperature"])
        row = table[table["path"] == str(tmp_path / f"{i}.wav")].iloc[0]
        assert [row[f"p_{name}"] for name in record["classes"]] == pytest.approx(odds / odds.sum(), abs=1e-5)


def test_padding_does_not_change_the_logits_of_the_graph(onnx_file):
    graph, x = session(onnx_file), np.random.default_rng(0).standard_normal((1, 39, 50)).astype(np.float32)
    (alone,) = graph.run(None, {"features": x, "lengths": np.array([50])})
    padded = np.concatenate([x, np.full((1, 39, 30), 1e3, np.float32)], axis=2)
    (beside,) = graph.run(None, {"features": padded, "lengths": np.array([50])})
    assert beside == pytest.approx(alone, abs=1e-5)


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")  # how PyTorch reads its own archive
def test_torch_export_of_waveforms_gives_the_same_logits_and_holds_its_record(predictor, waveforms, tmp_path):
    graph = export_graph(predictor, "torch_export", tmp_path / "model.pt2", waveforms=True)
    assert graph.difference <= NEAR
    told = {"transfer.json": ""}
    loaded = torch.export.load(tmp_path / "model.pt2", extra_files=told).module()
    assert json.loads(told["transfer.json"])["inputs"] == ["waveforms", "lengths"]
    module, worst = WaveformsToLogits(predictor).eval(), 0.0
    with torch.no_grad():
        for x, lengths in batches(waveforms):
            worst = max(worst, float((loaded(x, lengths) - module.expected(x, lengths)).abs().max()))
    assert worst <= NEAR
    print(f"largest difference on {len(waveforms)} clips: {worst:.2e}")  # noqa: T201


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="a minute; set TRANSFER_SLOW=1")
def test_onnx_of_waveforms_gives_the_same_logits(predictor, waveforms, tmp_path):
    pytest.importorskip("onnxscript")
    export_graph(predictor, "onnx", tmp_path / "model.onnx", waveforms=True)
    module, graph, worst = WaveformsToLogits(predictor).eval(), session(tmp_path / "model.onnx"), 0.0
    for x, lengths in batches(waveforms):
        with torch.no_grad():
            own = module.expected(x, lengths).numpy()
        (found,) = graph.run(None, {"waveforms": x.numpy(), "lengths": lengths.numpy()})
        worst = max(worst, float(np.abs(found - own).max()))
    assert worst <= NEAR
    print(f"largest difference on {len(waveforms)} clips: {worst:.2e}")  # noqa: T201


@pytest.mark.parametrize("kind", ["none", "clip", "train", "corpus"])
def test_the_standardisation_of_training_is_in_the_graph(kind, waveforms, tmp_path):
    ready = Predictor(checkpoint(tmp_path, normalisation=kind))
    soundfile.write(tmp_path / "a.wav", waveforms[0].numpy(), 16000, subtype="FLOAT")
    features = ready.front_end(waveforms[0])[None]
    with torch.no_grad():  # before `predict` has put the BatchNorm statistics of the target in place
        logits = FeaturesToLogits(ready).eval()(features, torch.tensor([features.shape[-1]]))[0]
    found = torch.softmax(logits / ready.temperature, dim=0)
    row = ready(find_clips([tmp_path / "a.wav"]), level="slice").table.iloc[0]
    assert [row[f"p_{name}"] for name in ready.classes] == pytest.approx(found.tolist(), abs=1e-5)


class Through(torch.nn.Module):
    def forward(self, x, lengths=None):
        return x


def test_channels_that_hardly_move_are_standardised_as_in_training(predictor):
    module = FeaturesToLogits(predictor)
    module.extractor = module.head = Through()
    module.std.fill_(1e-5)
    features = torch.randn(1, 39, 7)
    moments = Moments(module.mean[:, 0].numpy(), module.std[:, 0].numpy())
    expected = moments.apply(features[0].T.numpy()).T
    assert module(features, torch.tensor([7]))[0].numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")  # how PyTorch reads its own archive
@pytest.mark.parametrize("form", ["torch_export", "onnx"])
def test_a_model_of_functionals_is_exported_with_the_one_frame_that_a_clip_has(form, tmp_path):
    kinds = {
        "frontend": {"name": "egemaps"},
        "extractor": {"name": "functionals", "widths": []},
        "normalisation": "corpus",
    }
    ready = Predictor(checkpoint(tmp_path, **kinds, head={"name": "linear"}))
    graph = export_graph(ready, form, tmp_path / "graph.pt2")
    assert graph.difference <= NEAR
    if form == "torch_export":
        x = 20 * torch.randn(7, 88, 1)
        found = torch.export.load(graph.path).module()(x, torch.ones(7, dtype=torch.long))
        torch.testing.assert_close(found, FeaturesToLogits(ready).eval()(x, torch.ones(7, dtype=torch.long)))


def test_what_cannot_begin_with_waveforms_says_why(tmp_path):
    for more, words in (
        ({"frontend": {"name": "spectrogram"}}, "'spectrogram' cannot be part of a graph; only mfcc and log_mel can"),
        ({"normalisation": "speaker"}, "normalisation: speaker needs more than one clip"),
    ):
        with pytest.raises(RecipeError, match=words):
            export_graph(Predictor(checkpoint(tmp_path, **more)), "torch_export", tmp_path / "x", waveforms=True)
    assert not (tmp_path / "x").exists()


def test_a_graph_that_computes_other_numbers_is_not_written(small, tmp_path, monkeypatch):
    import transfer.exporting

    wrong = lambda exported, record: (lambda path: path.touch(), lambda *given: logits(*given) + 2e-4)  # noqa: E731
    module = FeaturesToLogits(small).eval()
    logits = lambda *given: module(*given)  # noqa: E731
    monkeypatch.setitem(transfer.exporting.GRAPHS, "torch_export", wrong)
    with pytest.raises(RecipeError, match=r"the graph is 0\.0002 from PyTorch"):
        export_graph(small, "torch_export", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_extra_that_is_missing_is_named(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"pip install 'transfer-speech\[export\]'"):
        export_graph(small, "onnx", tmp_path / "x")


def test_the_command_writes_a_graph_of_a_model_file_and_prints_its_record(tmp_path, monkeypatch, capsys):
    checkpoint(tmp_path, **SMALL)
    words = ["transfer", "export", str(tmp_path), "--to", "torch_export", "--out", str(tmp_path / "m.pt2"), "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    said = json.loads(capsys.readouterr().out)
    assert said["classes"] == ["x", "y", "z"]
    assert said["difference"] <= NEAR
    assert (tmp_path / "m.pt2").stat().st_size > 1000


def test_a_checkpoint_of_nothing_is_refused():
    with pytest.raises(RecipeError, match="record cannot be used"):
        Predictor(Checkpoint({}, {}, {}))
