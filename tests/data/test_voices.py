"""Voices are found where speakers differ more than their own clips do, and no target speaker is looked at."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import fractional_matrix_power
from sklearn.cluster import AgglomerativeClustering
from sklearn.covariance import empirical_covariance
from sklearn.metrics import adjusted_rand_score

from transfer.data.normalisation import Normaliser
from transfer.data.provenance import audit_statistics
from transfer.data.voices import assign_voices, find_voices, within_speakers

SPEAKERS, CLIPS = 4, 30


def corpus(seed, name):
    """Speakers differ in the first numbers by a little, their clips in the last ones by a lot (what is said)."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(SPEAKERS), CLIPS)
    voice = rng.normal(0, 2.0, (SPEAKERS, 6))[who] + rng.normal(0, 0.7, (len(who), 6))
    words = rng.choice([-12.0, 12.0], (len(who), 3)) + rng.normal(0, 1, (len(who), 3))
    table = pd.DataFrame({"corpus": name, "speaker": [f"s{i}" for i in who], "part": "train", "visible": True})
    return table, np.hstack([voice, words])


@pytest.fixture(scope="module")
def both():
    (a, x), (b, y) = corpus(1, "a"), corpus(2, "b")
    return pd.concat([a, b], ignore_index=True), np.vstack([x, y])


def test_within_speakers_is_the_pooled_covariance_around_their_means():
    table, x = corpus(0, "a")
    expected = np.mean([empirical_covariance(x[table["speaker"] == s]) for s in table["speaker"].unique()], axis=0)
    np.testing.assert_allclose(within_speakers(x, table["speaker"].tolist()), expected)


def test_voices_are_wards_clusters_of_whitened_vectors():
    table, x = corpus(0, "a")
    within = within_speakers(x, table["speaker"].tolist())
    power = fractional_matrix_power(within + np.eye(9) * np.trace(within) / 9, -0.5)
    expected = AgglomerativeClustering(SPEAKERS).fit_predict(x @ power)
    assert adjusted_rand_score(expected, find_voices(x, within, voices=SPEAKERS, fewest=1)) == 1


def test_what_is_said_hides_the_voice_until_the_source_says_how_it_varies(both):
    slices, vectors = both
    true = slices["speaker"][slices["corpus"] == "b"]
    found = assign_voices(slices, vectors, target="b", voices=SPEAKERS)[0][slices["corpus"] == "b"]
    deaf = find_voices(vectors[slices["corpus"] == "b"], np.eye(9), voices=SPEAKERS)
    assert adjusted_rand_score(true, found) > 0.7
    assert adjusted_rand_score(true, deaf) < 0.3


def test_target_speakers_are_not_looked_at(both):
    slices, vectors = both
    changed = slices.assign(speaker=slices["speaker"].where(slices["corpus"] == "a", ["x", "y"] * (len(slices) // 2)))
    found = [assign_voices(table, vectors, target="b")[0] for table in (slices, changed)]
    assert found[0].equals(found[1])
    assert (found[0][slices["corpus"] == "a"] == slices["speaker"][slices["corpus"] == "a"]).all()


def test_a_source_without_speakers_gets_voices_too(both):
    slices, vectors = both
    found = assign_voices(slices.assign(speaker=""), vectors, target="b", voices=3)[0]
    assert found.nunique() == 6
    assert not set(found[slices["corpus"] == "a"]) & set(found[slices["corpus"] == "b"])


def test_hidden_parts_have_voices_of_their_own_and_leak_nothing(both):
    slices, vectors = both
    test = (slices["corpus"] == "b") & slices["speaker"].isin(["s2", "s3"])
    slices = slices.assign(part=np.where(test, "test", "train"), visible=~test, labelled=~test)
    slices["voice"] = assign_voices(slices, vectors, target="b")[0]
    assert not set(slices["voice"][test]) & set(slices["voice"][~test])
    normaliser = Normaliser("voice").fit(slices, lambda i: vectors[i][None])
    assert not audit_statistics(slices, normaliser).found
    louder = np.where(test.to_numpy()[:, None], vectors * 100, vectors)
    again = assign_voices(slices, louder, target="b")[0]
    assert again[~test].equals(slices["voice"][~test])


def test_no_voice_has_fewer_clips_than_it_takes():
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal(9, 1, (40, 2)), [[30.0, 30.0], [31.0, 30.0]]])
    found = find_voices(x, np.eye(2), voices=3, fewest=10)
    assert sorted(np.bincount(found)) == [40, 42]
    assert set(found[-2:]) == set(found[40:80])


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_a_few_clips_are_one_voice(clips):
    assert set(find_voices(np.random.default_rng(0).normal(size=(clips, 3)), np.eye(3))) == {0}


def test_each_voice_is_standardised_by_its_own_clips(both):
    slices, vectors = both
    slices = slices.assign(voice=assign_voices(slices, vectors, target="b", voices=SPEAKERS)[0])
    normaliser = Normaliser("voice").fit(slices, lambda i: vectors[i][None])
    names = zip(slices["corpus"], slices["voice"], vectors, strict=True)
    x = np.vstack([normaliser.apply(name, who, clip[None]) for name, who, clip in names])
    for _, rows in slices.groupby(["corpus", "voice"]):
        np.testing.assert_allclose(x[rows.index].mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(x[rows.index].std(0), 1, atol=1e-4)
    assert normaliser.tensors() == {}
