"""The gap between domains: none where there is none, all of it where domains are apart, and speakers are no domains."""

import numpy as np
import pytest
import torch

from losses import MMD
from transfer.errors import NumericsError
from transfer.evaluation import diagnostics
from transfer.evaluation.diagnostics import a_distance, domain_accuracy, domain_gap

GROUPS = [f"s{i % 5}" for i in range(60)]


def embeddings(seed=0, rows=60, width=4, shift=0.0):
    """Return Gaussian embeddings."""
    return np.random.default_rng(seed).normal(shift, 1, (rows, width))


def test_one_distribution_shows_no_gap_and_a_gap_grows_with_the_shift():
    gaps = [domain_gap(embeddings(0), embeddings(1, shift=shift), GROUPS, GROUPS, seed=0) for shift in (0, 0.5, 3)]
    assert gaps[0]["a_distance"] < 0.5
    assert gaps[0]["a_distance"] < gaps[1]["a_distance"] < gaps[2]["a_distance"]
    assert gaps[0]["mmd"] < gaps[1]["mmd"] < gaps[2]["mmd"]
    assert gaps[2]["domain_accuracy"] > 0.98


def test_mmd_is_that_of_the_losses():
    source, target = embeddings(0), embeddings(1, shift=0.5)
    expected = float(MMD()(torch.from_numpy(source), torch.from_numpy(target)))
    assert domain_gap(source, target, GROUPS, GROUPS, seed=0)["mmd"] == pytest.approx(expected)


def test_voices_are_not_taken_for_the_domain():
    rng = np.random.default_rng(0)
    speakers = rng.normal(0, 5, (20, 16))  # voices far apart, drawn alike in both domains
    rows = np.repeat(np.arange(10), 20)
    source = speakers[:10][rows] + rng.normal(size=(200, 16))
    target = speakers[10:][rows] + rng.normal(size=(200, 16))
    assert domain_accuracy(source, target, rows, rows) < 0.75
    every_row_a_speaker = np.arange(200)  # what cross-validation by rows would say
    assert domain_accuracy(source, target, every_row_a_speaker, every_row_a_speaker) > 0.95


def test_speakers_of_the_same_name_in_both_domains_are_two():
    shuffled = [f"t{i}" for i in GROUPS]
    first = domain_gap(embeddings(0), embeddings(1, shift=0.5), GROUPS, GROUPS, seed=0)
    assert first == domain_gap(embeddings(0), embeddings(1, shift=0.5), GROUPS, shuffled, seed=0)


def test_a_domain_of_one_speaker_is_measured_by_rows():
    gap = domain_gap(embeddings(0), embeddings(1, shift=3), GROUPS, ["s0"] * 60, seed=0)
    assert gap["domain_accuracy"] > 0.95


def test_accuracy_is_balanced_between_domains_of_unequal_size():
    # Half of the large domain lies where the small one is: recalls of 1/2 and 1, whatever the sizes are.
    source, target = embeddings(0, rows=300) * 0.1, embeddings(1, rows=30) * 0.1
    source[::2] += 5
    groups = [f"s{i % 7}" for i in range(300)]
    assert domain_gap(source, target, groups, groups[:30], seed=0)["domain_accuracy"] == pytest.approx(0.75, abs=0.02)


def test_large_embeddings_are_sampled_with_their_speakers_and_the_seed_decides(monkeypatch):
    seen = []

    def watched(source, target, source_groups, target_groups, *, seed):
        seen.append((len(source), len(target)))
        np.testing.assert_array_equal(source[:, 0].astype(int) % 5, source_groups)
        return 0.5

    monkeypatch.setattr(diagnostics, "domain_accuracy", watched)
    source = np.arange(3000.0).reshape(1500, 2)
    values = [
        domain_gap(source, source[:40], source[:, 0].astype(int) % 5, np.arange(40), seed)["mmd"] for seed in (0, 0, 1)
    ]
    assert seen == [(1000, 40)] * 3
    assert values[0] == values[1] != values[2]


def test_the_a_distance_is_its_formula_and_never_negative():
    assert a_distance(0.8) == pytest.approx(2 * (1 - 2 * 0.2))
    assert a_distance(0.3) == 0


@pytest.mark.parametrize(
    ("source", "groups", "error", "message"),
    [
        (np.zeros((60, 3)), GROUPS, ValueError, "3 columns, target 4"),
        (np.zeros(60), GROUPS, ValueError, r"shape \(60,\)"),
        (np.zeros((1, 4)), GROUPS[:1], ValueError, "two rows or more"),
        (np.zeros((60, 4)), GROUPS[:59], ValueError, "60 embeddings but groups of shape"),
        (np.full((60, 4), np.inf), GROUPS, NumericsError, "240 values of the source"),
    ],
)
def test_bad_embeddings_are_refused(source, groups, error, message):
    with pytest.raises(error, match=message):
        domain_gap(source, embeddings(), groups, GROUPS, seed=0)


@pytest.mark.parametrize(("standardised", "low", "high"), [(True, 0.0, 0.3), (False, 0.35, 0.65)])
def test_standardised_corpora_of_few_speakers_lie_on_the_other_side_of_each_fold(standardised, low, high):
    found = []
    for seed in range(8):
        rng, groups, corpora = np.random.default_rng(seed), np.repeat(np.arange(6), 30), []
        for _ in range(2):
            x = 1.5 * rng.normal(size=(6, 8))[groups] + rng.normal(size=(180, 8))
            corpora.append((x - x.mean(0)) / x.std(0) if standardised else x)
        found.append(domain_accuracy(*corpora, groups, groups, seed=seed))
    assert low <= np.mean(found) < high
