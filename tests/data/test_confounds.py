"""Confound probes: what they find, what they leave alone, and against which null."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score

from transfer.data.confounds import probe_confounds, single_class_speakers
from transfer.errors import CorpusError


def corpus(clips=40, speakers=6, seed=0, **columns):
    n = clips * speakers
    rng = np.random.default_rng(seed)
    labels = np.tile(np.repeat(["a", "b", "c", "d"], clips // 4), speakers)
    table = pd.DataFrame({"label": labels, "speaker": np.repeat([f"s{i}" for i in range(speakers)], clips)})
    return table.assign(**{name: make(rng, labels, n) for name, make in columns.items()})


def found(table, **options):
    return {probe.confound: probe for probe in probe_confounds(table, permutations=200, **options)}


def test_a_corpus_solved_by_loudness_is_known_as_such():
    table = corpus(
        loudness=lambda rng, labels, n: np.where(labels == "a", -10.0, -30.0) + rng.normal(size=n),
        duration=lambda rng, labels, n: rng.uniform(1, 3, n),
    )
    probes = found(table)
    assert next(iter(probes)) == "loudness"
    assert probes["loudness"].predicts
    assert probes["loudness"].uar > 0.4 > probes["loudness"].high
    assert not probes["duration"].predicts


def test_a_confound_that_is_not_monotonic_is_found():
    table = corpus(
        snr=lambda rng, labels, n: np.where(labels == "a", 20.0, rng.choice([0.0, 40.0], n)) + rng.normal(size=n)
    )
    assert found(table)["snr"].predicts


def test_noise_is_reported_at_one_percent_as_often_as_that():
    ps = [
        found(corpus(seed=seed, duration=lambda rng, labels, n: rng.uniform(1, 3, n)), seed=seed)["duration"].p
        for seed in range(40)
    ]
    assert np.mean(np.array(ps) < 0.05) < 0.2
    assert np.median(ps) > 0.2


def test_a_gain_of_the_speaker_is_no_confound_where_every_speaker_has_all_classes():
    table = corpus(loudness=lambda rng, labels, n: np.repeat(np.arange(6) * 10.0, 40) + rng.normal(size=n))
    assert not found(table)["loudness"].predicts


def test_sex_that_goes_with_the_diagnosis_is_found_over_speakers():
    table = pd.DataFrame({"speaker": np.repeat([f"s{i}" for i in range(24)], 5)})
    table["label"] = np.repeat(["MDD", "HC"], 60)
    table["sex"] = np.repeat(["female"] * 11 + ["male"] * 13, 5)
    probe = found(table)["sex"]
    assert probe.predicts
    assert probe.uar > 0.9
    assert probe.folds == "speaker"
    table["sex"] = np.tile(np.repeat(["female", "male"], 5), 12)
    assert not found(table)["sex"].predicts


def test_a_speaker_who_tells_the_class_is_found():
    """URDU: 26 of 29 speakers have clips of one emotion only."""
    rng = np.random.default_rng(0)
    speakers = np.repeat([f"s{i}" for i in range(29)], 14)
    own = rng.choice(["Angry", "Happy", "Neutral", "Sad"], 29)
    labels = np.array([own[i // 14] if i // 14 < 26 else rng.choice(own) for i in range(len(speakers))])
    table = pd.DataFrame({"speaker": speakers, "label": labels})
    assert found(table)["speaker"].predicts
    assert len(single_class_speakers(table)) == 26


def test_a_clinical_corpus_has_no_single_class_speakers_to_report():
    assert single_class_speakers(pd.DataFrame({"speaker": ["s", "t"], "label": ["a", "b"]})) == []


def test_the_score_is_that_of_a_histogram_classifier_by_hand():
    """Two folds of one speaker each: the prediction of a clip is the class most likely in its bin in the other fold."""
    table = pd.DataFrame(
        {"speaker": list("sssssstttttt"), "label": list("aabbab" * 2), "sex": list("xxyyxy") + list("xyyyxx")}
    )
    table = pd.concat([table] * 2, ignore_index=True).sort_values("speaker", ignore_index=True)
    truth, decided = [], []
    for fold in ("s", "t"):
        train, test = table[table["speaker"] != fold], table[table["speaker"] == fold]
        counts = pd.crosstab(train["label"], train["sex"])
        likelihood = (counts + 0.5).div(counts.sum(axis=1) + 1, axis=0)
        decided += [likelihood[value].idxmax() for value in test["sex"]]
        truth += list(test["label"])
    expected = recall_score(truth, decided, average="macro")
    assert found(table)["sex"].uar == pytest.approx(expected, abs=1e-4)


def test_a_corpus_too_small_to_probe_is_refused():
    with pytest.raises(CorpusError, match="needs 10 clips of 2 classes"):
        probe_confounds(corpus().head(5))
