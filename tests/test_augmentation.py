"""Augmentation in a run: what it touches, what it leaves alone, and where it is refused."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from feature_extractors.augmentations import FrameMask, Mixup, Noise, SpecAugment, Speed
from feature_extractors.frontends import FRONTENDS
from transfer import run
from transfer.augmentation import Augmenter, Hearing, build_augmenter
from transfer.data.batch_normaliser import BatchNormaliser
from transfer.data.domain import Batch
from transfer.data.normalisation import Normaliser
from transfer.data.waveforms import Waveforms
from transfer.evaluation.predictions import read_predictions
from transfer.loading import load_recipe
from transfer.loop import Streams
from transfer.preparation import load, plan
from transfer.standins import with_standins
from transfer.strategies import Draw

QUIET = ["tracking.kind=none", "training.monitor=false"]
ALL = (
    "training.augment=[{name: speed, factors: [0.9, 1.1]}, {name: noise, snr: [5, 30], color: pink}, "
    "{name: spec_augment, time_width: 10}, {name: frame_mask, share: 0.2}, {name: mixup, alpha: 0.2}]"
)
NEVER = "training.augment=[{name: spec_augment, probability: 0}, {name: frame_mask, probability: 0}, {name: mixup, probability: 0}]"


def batch_of(features, lengths=None, labels=None):
    n = len(features)
    lengths = torch.full((n,), features.shape[-1]) if lengths is None else lengths
    return Batch(features, lengths, torch.arange(n) % 2 if labels is None else labels, torch.arange(n))


def with_augment(strategy, augmenter):
    object.__setattr__(strategy.setting, "augmenter", augmenter)
    return strategy


# Runs


def test_a_run_with_all_five_is_the_same_twice_and_another_than_without(tiny, tmp_path):
    tables = {}
    joint = [*QUIET, "strategy={name: joint}", "training.epochs=1"]
    for name, overrides in {"one": [ALL], "two": [ALL], "never": [NEVER], "plain": []}.items():
        run(tiny, [*joint, *overrides], synthetic=True, out=tmp_path / name)
        tables[name] = read_predictions(tmp_path / name / "predictions.parquet")
    pd.testing.assert_frame_equal(tables["one"], tables["two"], check_exact=True)
    pd.testing.assert_frame_equal(tables["never"], tables["plain"], check_exact=True)
    assert not tables["one"]["p_MDD"].equals(tables["plain"]["p_MDD"])
    written = (tmp_path / "one" / "recipe.yaml").read_text()
    assert "color: pink" in written
    assert json.loads((tmp_path / "one" / "summary.json").read_text())["metrics"]["test"]


def test_the_waveform_front_end_needs_no_second_copy(tiny):
    recipe = load_recipe(tiny, ["frontend={name: waveform}", "training.augment=[{name: speed}]"], synthetic=True)
    recipe = with_standins(recipe)
    prepared = load(recipe, plan(recipe), torch.device("cpu"))
    augmenter = build_augmenter(recipe, prepared.domains, prepared.normaliser, torch.device("cpu"))
    assert not augmenter.hearings
    domain = prepared.domains["modma"]
    batch = domain.batch(domain.pools["labelled"][:6])
    changed = augmenter(batch, "modma", "labelled")
    assert changed.lengths.max() <= domain.features.shape[-1], "no longer than the longest there is"
    assert len({int(n) for n in (changed.lengths / batch.lengths * 100)}) > 1


@pytest.mark.parametrize("kind", ["none", "clip", "train", "corpus", "speaker"])
def test_features_heard_anew_are_those_of_the_cached_path(tiny, kind):
    still = ["training.augment=[{name: noise, probability: 0}, {name: speed, factors: [1.0]}]"]
    recipe = with_standins(load_recipe(tiny, [*still, f"normalisation={kind}"], synthetic=True))
    prepared = load(recipe, plan(recipe), torch.device("cpu"))
    augmenter = build_augmenter(recipe, prepared.domains, prepared.normaliser, torch.device("cpu"))
    for name, domain in prepared.domains.items():
        batch = domain.batch(domain.pools["any"][:12])
        heard = augmenter(batch, name, "any")
        assert torch.equal(heard.lengths, batch.lengths)
        torch.testing.assert_close(heard.features, batch.features, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name, cls in FRONTENDS.items() if cls.on_device and name != "waveform"])
def test_every_front_end_that_may_hears_a_batch_as_it_heard_the_clips(name):
    front_end, lengths = FRONTENDS[name](), torch.tensor([16000, 9000, 12345])
    waves = torch.randn(int(lengths.sum())) * 0.1
    starts = lengths.cumsum(0) - lengths
    table = pd.DataFrame({"corpus": ["a"] * 3, "speaker": list("stu")})
    clips = [front_end(waves[a : a + n]).T.numpy() for a, n in zip(starts, lengths, strict=True)]
    normaliser = Normaliser("train").fit(table.assign(labelled=True), lambda i: clips[i])
    hearing = Hearing(
        Waveforms(waves, starts, lengths), front_end, BatchNormaliser(normaliser, table, torch.device("cpu"))
    )
    features, frames = hearing(torch.tensor([2, 1]), lambda x, n: (x, n))
    for x, count, row in zip(features, frames, (2, 1), strict=True):
        expected = normaliser.apply("a", "", clips[row])
        assert count == len(expected)
        np.testing.assert_allclose(x[:, :count].T, expected, atol=1e-4)
        assert not x[:, count:].any()


# What the loop applies


def test_streams_augment_what_they_draw_and_draw_the_same(domain):
    corpora = {"a": domain("a")}
    plain = Streams(corpora, 8, "none", 0)
    masked = Streams(corpora, 8, "none", 0, Augmenter([FrameMask(share=0.5)]))
    for pool in ("labelled", "any"):
        one, two = plain.batch(Draw("a", pool)), masked.batch(Draw("a", pool))
        assert torch.equal(one.rows, two.rows)
        assert torch.equal(one.labels, two.labels)
        hit = (two.features == 0) & (one.features != 0)
        real = torch.arange(hit.shape[-1]) < one.lengths[:, None]
        assert 0.4 < hit.any(1)[real].float().mean() < 0.6
        assert torch.equal(corpora["a"].batch(one.rows).features, one.features), "the corpus itself is untouched"


def test_each_stream_has_its_own_draws_by_the_seed():
    batch = batch_of(torch.ones(4, 3, 200))

    def drawn(seed, corpus="a", pool="labelled"):
        return Augmenter([FrameMask(share=0.5)], seed=seed)(batch, corpus, pool).features

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    assert not torch.equal(drawn(0), drawn(0, pool="any"))
    assert not torch.equal(drawn(0), drawn(0, corpus="b"))
    both = Augmenter([FrameMask(share=0.5)])
    assert not torch.equal(both(batch, "a", "any").features, both(batch, "a", "any").features)


def test_waveform_transforms_come_first_and_the_longest_waveform_bounds_the_batch():
    augmenter = Augmenter([SpecAugment(frequency_masks=0), Speed(factors=[0.5])], longest={"a": 150})
    changed = augmenter(batch_of(torch.ones(2, 1, 100), torch.tensor([100, 60])), "a", "labelled")
    assert changed.lengths.tolist() == [150, 120]
    assert changed.features.shape == (2, 1, 150)
    assert augmenter.of_waveforms[0].domain == "waveforms"
    assert (changed.features[0] == 0).any(), "masked after the change of speed, not smeared by it"


def test_a_front_end_in_mixed_precision_stays_in_full_precision():
    class Spy(FrameMask):
        def augment(self, x, lengths, generator):
            assert not torch.is_autocast_enabled("cpu")
            assert not torch.is_grad_enabled()
            return x, lengths

    with torch.autocast("cpu", torch.bfloat16):
        Augmenter([Spy()])(batch_of(torch.ones(2, 3, 4)), "a", "any")


# Mixup and the task loss


@pytest.mark.parametrize(
    "training",
    [
        {"label_smoothing": 0.0},
        {"label_smoothing": 0.3},
        {"label_smoothing": 0.3, "balance": "weights"},
        {"task_loss": "focal", "balance": "weights"},
    ],
)
def test_the_loss_of_a_mix_is_that_of_both_labels_by_their_shares(attached, training):
    strategy = attached("scratch", recipe={"training": {"epochs": 1, **training}})
    strategy.setting.domains["b"].labels[:3] = 0
    strategy.attach(strategy.setting)
    logits = torch.randn(6, 2)
    y, z = torch.tensor([0, 1, 1, 0, 1, 0]), torch.tensor([1, 1, 0, 0, 0, 1])
    own = torch.rand(6)
    batch = batch_of(torch.zeros(6, 1, 1), labels=y)._replace(partners=z, shares=own)
    w = strategy.setting.domains["b"].class_weights() if "balance" in training else torch.ones(2)
    p = logits.softmax(1)

    def terms(labels):
        """Return weight times loss of each row by hand."""
        hot = F.one_hot(labels, 2).float()
        if training.get("task_loss") == "focal":
            return (-w * hot * (1 - p) ** 2 * p.log()).sum(1)
        smoothing = training["label_smoothing"]
        return (-w * ((1 - smoothing) * hot + smoothing / 2) * p.log()).sum(1)

    expected = (own * terms(y) + (1 - own) * terms(z)).sum() / (own * w[y] + (1 - own) * w[z]).sum()
    torch.testing.assert_close(strategy.classify("b", logits, batch), expected)
    if "balance" not in training:
        same = batch._replace(shares=torch.full((6,), 0.3))
        one, other = (strategy.classify("b", logits, batch_of(batch.features, labels=labels)) for labels in (y, z))
        torch.testing.assert_close(strategy.classify("b", logits, same), 0.3 * one + 0.7 * other)


def test_the_model_sees_the_mix_that_the_loss_is_told_of(attached, monkeypatch):
    augmenter = Augmenter([Mixup(alpha=1.0)])
    strategy = with_augment(attached("scratch"), augmenter)
    batch = strategy.setting.domains["b"].batch(torch.arange(8))
    seen = {}
    monkeypatch.setattr(strategy, "classify", lambda corpus, logits, b: seen.update(batch=b) or logits.sum())
    strategy.task("b", batch)
    mixed = seen["batch"]
    for i in range(8):
        j = [k for k in range(8) if torch.equal(mixed.partners[i], batch.labels[k])]
        own = mixed.shares[i]
        found = [torch.allclose(mixed.features[i], own * batch.features[i] + (1 - own) * batch.features[k]) for k in j]
        assert any(found), "the partner's label is that of the partner's features"


def test_only_batches_that_the_task_alone_uses_are_mixed(attached, train, monkeypatch):
    seen = []
    original = Augmenter.mix
    monkeypatch.setattr(Augmenter, "mix", lambda self, b, corpus: seen.append(corpus) or original(self, b, corpus))
    for name, corpora in {"joint": {"a", "b"}, "scratch": {"b"}, "ddg": {"b"}}.items():
        seen.clear()
        options = {"every": 1, "steps": 1} if name == "ddg" else {}
        strategy = attached(name, recipe={"training": {"epochs": 1, "batch_size": 8}}, **options)
        monkeypatch.setattr(type(strategy), "align", _unmixed, raising=False)
        train(with_augment(strategy, Augmenter([Mixup()])))
        assert set(seen) == corpora, name


def _unmixed(self, batches, progress):
    """Check that alignment batches were not mixed, in place of the alignment."""
    assert all(batch.partners is None for batch in batches)
    return {"mmd": next(iter(self.parameters())).sum() * 0}


def test_meta_learning_augments_the_batches_it_draws_itself(attached, train):
    drawn = []

    class Spy(FrameMask):
        def augment(self, x, lengths, generator):
            drawn.append(len(x))
            return super().augment(x, lengths, generator)

    tree = {"training": {"epochs": 1, "batch_size": 8}, "pretraining": {"epochs": 1}}
    strategy = with_augment(attached("meta", recipe=tree, inner_steps=2), Augmenter([Spy()]))
    (record, _) = train(strategy)
    assert record.stage == "pretraining"
    assert len(drawn) > 2


def test_noise_reaches_the_features_at_its_level():
    front_end = FRONTENDS["log_mel"](bands=20)
    waves, lengths = torch.zeros(32000).normal_(0, 0.1), torch.tensor([16000, 16000])
    table = pd.DataFrame({"corpus": ["a"] * 2, "speaker": list("st")})
    plain = BatchNormaliser(Normaliser("none"), table, torch.device("cpu"))
    hearing = Hearing(Waveforms(waves, torch.tensor([0, 16000]), lengths), front_end, plain)
    clean, _ = hearing(torch.arange(2), lambda x, n: (x, n))
    augmenter = Augmenter([Noise(snr=(0, 0))], longest={"a": 16000}, hearings={"a": hearing})
    noisy = augmenter(batch_of(clean), "a", "any").features
    assert (noisy - clean).mean().item() == pytest.approx(10 * np.log10(2), abs=0.3), "white noise on white noise: 3 dB"
