"""The extractor that a run begins with: taken over whole or in part, reported, and needed no more once it is kept."""

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from feature_extractors.wav2vec2 import HuBERT, Wav2Vec2, WavLM
from transfer import check, load_recipe, predict, run
from transfer.build import build_model
from transfer.checkpoint import Checkpoint, read_checkpoint
from transfer.errors import RecipeError
from transfer.initial_weights import check_provenance, load_extractor
from transfer.progress import Reporter
from transfer.recipe import Recipe
from transfer.standins import with_standins

QUIET = ["tracking.kind=none", "training.epochs=1"]
CLASSES = {"casia": ("a", "b"), "modma": ("c", "d")}
CT = "{name: cnn_transformer, filters: 4, blocks: 2, width: 8, heads: 2, feedforward: 8, layers: 1}"
CMT = CT.replace("cnn_transformer", "cnn_ml_transformer").replace("layers: 1", "layers: 2")


def recipe(**sections):
    corpora = {"source": {"corpus": "casia"}, "target": {"corpus": "modma"}}
    return Recipe(name="a", strategy={"name": "finetune"}, **corpora, **sections)


def model(name="tim", **options):
    options = {"filters": 4, "blocks": 2} | options
    return build_model(
        recipe(extractor={"name": name, **options}, head={"name": "linear"}), in_channels=13, classes=CLASSES
    )


def test_a_checkpoint_that_came_from_one_that_heard_the_target_is_refused():
    file = Checkpoint({}, {}, {"front_end": {}, "classes": {"casia": []}, "heard": ["casia", "modma"]})
    with pytest.raises(RecipeError, match="or one before it, used modma"):
        check_provenance(file, recipe(), {})


def test_a_tim_fills_the_tim_of_a_cnn_transformer_and_nothing_else():
    donor, taker = model("tim"), model("cnn_transformer", width=8, heads=2, feedforward=8)
    for name, buffer in donor.extractor.named_buffers():
        if name.endswith("running_mean"):
            buffer.fill_(3.0)
    before = {name: tensor.clone() for name, tensor in taker.state_dict().items()}
    report = load_extractor(taker, Checkpoint(donor.state_dict()), modules={"tim": "."})
    own, given = taker.extractor.state_dict(), donor.extractor.state_dict()
    assert report.fits
    assert set(report.matched) == {f"tim.{name}" for name in given}
    assert all(torch.equal(own[f"tim.{name}"], tensor) for name, tensor in given.items())
    kept = {f"extractor.{name}" for name in report.untouched} | {n for n in before if n.startswith("heads.")}
    assert len(kept) > 10
    assert all(torch.equal(taker.state_dict()[name], before[name]) for name in kept)
    taker.eval().use_statistics("modma")
    means = [b for n, b in taker.extractor.tim.named_buffers() if n.endswith("running_mean")]
    assert all((mean == 3).all() for mean in means), "statistics that came with the weights hold for every corpus"


def test_a_strict_load_says_what_is_wrong_with_both_shapes_and_what_to_do():
    donor, taker = model("tim"), model("tim", filters=5)
    with pytest.raises(RecipeError) as caught:
        load_extractor(taker, Checkpoint(donor.state_dict()))
    message = str(caught.value)
    assert "shape (4,) in the file, (5,) in the network" in message
    assert "pretraining.modules" in message
    assert "pretraining.strict: false" in message


def test_a_load_that_is_not_strict_takes_the_levels_that_both_have():
    donor, taker = model("tim", blocks=2), model("tim", blocks=3)
    report = load_extractor(taker, Checkpoint(donor.state_dict()), strict=False)
    assert report.missing
    assert set(report.shapes) == {"fusion.weight"}
    assert not report.unexpected
    taken = {name.removeprefix("extractor."): tensor for name, tensor in donor.state_dict().items()}
    assert all(torch.equal(taker.extractor.state_dict()[name], taken[name]) for name in report.matched)


def test_rules_for_loading_without_a_checkpoint_are_refused():
    for rule in ({"modules": ["tim"]}, {"strict": False}):
        with pytest.raises(ValueError, match="name one in pretraining"):
            recipe(pretraining=rule)
    with pytest.raises(ValueError, match="at least one module"):
        recipe(pretraining={"checkpoint": "runs/a", "modules": []})


@pytest.fixture
def pretrained(tiny, tmp_path):
    """The overrides of a run of a CMT whose TIM comes from a CT that was trained on the source alone."""
    source = ["strategy={name: scratch}", "source=[]", "target={corpus: casia, slices: {version: V2, seconds: 2}}"]
    shape = ["head={name: linear}", "synthetic={target: {clips: 1}}"]
    run(tiny, [*QUIET, *source, *shape, f"extractor={CT}"], synthetic=True, out=tmp_path / "ct")
    return [
        *QUIET,
        "strategy={name: finetune}",
        "head={name: linear}",
        f"extractor={CMT}",
        f"pretraining.checkpoint={tmp_path / 'ct'}",
    ]


def test_a_run_says_on_the_screen_and_in_its_summary_what_it_took_over(tiny, pretrained, tmp_path):
    with pytest.raises(RecipeError, match=r"weights do not match:\n  .*missing in the file"):
        check(tiny, pretrained, synthetic=True)
    screen = io.StringIO()
    words = [*pretrained, "pretraining.modules=[tim]"]
    reporter = Reporter(Console(file=screen, width=200))
    run(tiny, words, synthetic=True, out=tmp_path / "cmt", reporter=reporter)
    summary = json.loads((tmp_path / "cmt" / "summary.json").read_text())
    report = summary["loaded_weights"]
    tim = [n for n in read_checkpoint(tmp_path / "cmt").weights if n.startswith("extractor.tim.")]
    assert len(report["matched"]) == len(tim) > 0
    assert not any(report[why] for why in ("missing", "unexpected", "shapes"))
    assert {name.partition(".")[0] for name in report["untouched"]} == {"project", "encoder"}
    line = f"pretraining.checkpoint: {len(tim)} of {len(tim)} weights taken"
    assert line in screen.getvalue()
    assert any(note.startswith(line) for note in summary["notes"])
    assert any(note.startswith(line) for note in check(tiny, words, synthetic=True).notes)
    with pytest.raises(RecipeError, match=r"frozen, and \d+ of its weights, project\.weight first, would stay"):
        check(tiny, [*words, "strategy={name: freeze}"], synthetic=True)


@pytest.mark.parametrize(("name", "cls"), [("wav2vec2", Wav2Vec2), ("hubert", HuBERT), ("wavlm", WavLM)])
def test_a_model_file_holds_all_weights_so_that_the_file_it_began_with_may_go(name, cls, tiny, tmp_path):
    weights = tmp_path / "secret" / "tiny.pth"
    weights.parent.mkdir()
    donor = cls(in_channels=1, weights="random", size="tiny").model.state_dict()
    torch.save(donor, weights)
    words = [
        *QUIET,
        "strategy={name: scratch}",
        "source=[]",
        "plain_ids=true",
        "target.slices={version: V2, seconds: 1}",
        "training.monitor=false",
        "frontend={name: waveform}",
        "normalisation=none",
        "head={name: linear}",
        f"extractor={{name: {name}, weights: {weights}, size: tiny, frozen: all}}",
    ]
    run(tiny, words, synthetic=True, out=tmp_path / "out")
    kept = read_checkpoint(tmp_path / "out")
    assert all(torch.equal(kept.weights[f"extractor.model.{n}"], tensor) for n, tensor in donor.items())
    assert b"secret" not in (tmp_path / "out" / "recipe.yaml").read_bytes()
    clip = _any_clip(tiny, words)
    before = predict(tmp_path / "out", [clip]).table
    weights.unlink()
    assert before.equals(predict(tmp_path / "out", [clip]).table)
    with pytest.raises(RecipeError, match=r"no weights at .*tiny\.pth; fetch"):
        check(tiny, words, synthetic=True)
    again = ["strategy={name: finetune}", f"pretraining.checkpoint={tmp_path / 'out'}"]
    accepted = ["split.accept_leakage=[speaker]"]
    assert check(tiny, [*words, *again, *accepted], synthetic=True).loaded is not None, "nor is it needed to go on"


def _any_clip(tiny, words):
    """Return a clip of the stand-in."""
    root = with_standins(load_recipe(tiny, words, synthetic=True)).target.root
    return str(next(Path(root).rglob("*.wav")))
