"""The shift benchmark: what is known to be reachable, what each dial does to it, and what audio shows of the shift."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import astuple, replace
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import soxr
from scipy.stats import binom, norm
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score

from transfer.data.readers import read_corpus
from transfer.data.synthetic import DIALS, LAYOUTS, Difficulty, Shift, carried_over, known_best, synthesize
from transfer.data.synthetic.best import _Rule
from transfer.data.synthetic.domains import shifted
from transfer.data.synthetic.factors import (
    BETWEEN_CLIPS,
    EMOTIONS,
    STRENGTH,
    Prosody,
    Shown,
    draw_speaker,
)
from transfer.data.synthetic.recording import Order, Session
from transfer.errors import UserError
from transfer.evaluation.diagnostics import domain_gap

EMOVO = Order("emovo", 0, Shift(), 6, 5)
NEMO = Order("nemo", 0, Shift(), 9, 5)
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def turned(order: Order, **dials: float) -> Order:
    shift = {name: value for name, value in dials.items() if name in Shift.__annotations__}
    others = {name: value for name, value in dials.items() if name not in shift}
    return replace(order, shift=replace(order.shift, **shift), difficulty=replace(order.difficulty, **others))


def clips(order: Order, number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors of clips as the generator draws them, each by a speaker of its own, and their classes."""
    rng = np.random.default_rng(seed)
    offset = np.array(astuple(shifted(order.name, order.shift).displacement))
    x, y = [], []
    for label, emotion in enumerate(shown.name for shown in LAYOUTS[order.name].shows.values()):
        for _ in range(number):
            speaker = draw_speaker(rng, sex="male")
            shown = EMOTIONS[emotion] * (speaker.expressivity * rng.normal(1.0, STRENGTH))
            moment = BETWEEN_CLIPS * order.difficulty.spread_factor
            x.append(offset + astuple(speaker.habit + shown + moment.draw(rng)))
            y.append(label)
    return np.array(x), np.array(y)


@pytest.mark.parametrize("separation", [0.5, 2.0, 4.0])
def test_the_best_score_of_two_normal_classes_is_the_one_in_closed_form(separation):
    """Two classes of equal covariance: the Mahalanobis distance d between their means gives Phi(d / 2)."""

    def steady(spread):
        return np.ones_like(spread)

    direction = Prosody(pitch_level=1.0, energy=1.0)
    moment = np.full(7, 2.0 / separation)
    shown = [Shown("a", direction, steady, False), Shown("b", direction * -1.0, steady, False)]
    rule = _Rule(shown, moment, 0.0, np.zeros(7))
    rng = np.random.default_rng(0)
    drawn = [rule.draw(rng) for _ in range(20)]
    posterior = np.concatenate([rule.posterior(x, express) for x, _, express in drawn])
    distance = 2.0 * np.linalg.norm(np.array(astuple(direction)) / moment)
    assert posterior.max(axis=1).mean() == pytest.approx(norm.cdf(distance / 2.0), abs=0.006)


@pytest.mark.parametrize("dials", [{}, {"spread": 1.0}, {"channel": 1.0, "rhythm": 1.0}])
def test_a_classifier_that_learns_from_many_drawn_factors_comes_close_to_the_known_best_and_not_above(dials):
    order = turned(EMOVO, **dials)
    classifier = QuadraticDiscriminantAnalysis().fit(*clips(order, 300, seed=1))
    x, y = clips(order, 300, seed=2)
    best = known_best(order)
    reached = balanced_accuracy_score(y, classifier.predict(x))
    error = best["standard_error"] + np.sqrt(reached * (1 - reached) / len(y))
    assert best["uar"] - 0.04 < reached < best["uar"] + 3 * error
    unshifted = QuadraticDiscriminantAnalysis().fit(*clips(replace(order, shift=Shift()), 300, seed=1))
    assert balanced_accuracy_score(y, unshifted.predict(x)) == pytest.approx(best["uar_unadapted"], abs=0.04)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("name", ["casia", "urdu"])
def test_with_label_noise_a_separable_problem_is_solved_but_for_the_wrong_labels(name, share):
    best = known_best(turned(replace(EMOVO, name=name), label_noise=share))
    assert best["uar_known_speaker"] == pytest.approx(1.0 - share, abs=1e-3)


@pytest.mark.parametrize("name", ["emovo", "modma"])
@pytest.mark.parametrize(("dial", "low"), [("spread", 0.77), ("label_noise", 0.51)])
def test_the_known_best_falls_with_spread_and_label_noise(name, dial, low):
    scores = [known_best(turned(replace(EMOVO, name=name), **{dial: DIALS[dial] * step})) for step in STEPS]
    for key in ("uar", "uar_known_speaker", "uar_unadapted"):
        assert all(more[key] < less[key] for less, more in pairwise(scores))
    assert scores[-1]["uar"] < low < 0.93 < scores[0]["uar"]
    assert all(score["uar"] <= score["uar_known_speaker"] for score in scores)


@pytest.mark.parametrize(("dial", "falls"), [("channel", 0.15), ("language", 1e-4), ("rhythm", 0.01)])
def test_what_is_carried_over_unadapted_falls_with_the_shift_and_the_best_of_the_target_does_not(dial, falls):
    scores = [carried_over(turned(NEMO, **{dial: step}), turned(EMOVO, **{dial: step})) for step in STEPS]
    assert all(more["uar_unadapted"] <= less["uar_unadapted"] for less, more in pairwise(scores))
    assert scores[0]["uar_unadapted"] - scores[-1]["uar_unadapted"] > falls
    assert scores[0]["uar_unadapted"] == scores[0]["uar"] == pytest.approx(scores[-1]["uar"], abs=1e-9)


def test_noise_hides_factors_without_displacing_them_and_the_prior_leaves_the_recalls():
    assert known_best(turned(EMOVO, noise=1.0)) == known_best(EMOVO)
    assert known_best(turned(EMOVO, prior=1.0)) == known_best(EMOVO)


def test_nothing_is_carried_over_between_emotions_and_depression():
    assert carried_over(NEMO, replace(EMOVO, name="modma")) is None
    assert carried_over(replace(EMOVO, name="daic_woz"), replace(EMOVO, name="modma"))["classes"] == 2


def features(root: Path, name: str) -> tuple[np.ndarray, list[str]]:
    """How clips sound (mean and standard deviation of MFCC, and of their differences) and how long they are; speakers.

    Bands end at 7 kHz, since the corpora differ in sampling rate, which no dial moves.
    """
    table = read_corpus(name, root).table
    rows = []
    for path in table["path"]:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        audio = soxr.resample(audio.mean(axis=1), rate, 16_000)
        mfcc = librosa.feature.mfcc(y=audio, sr=16_000, n_mfcc=13, hop_length=160, n_fft=400, fmax=7000)
        heard = mfcc[:, mfcc[0] > mfcc[0].max() - 250]
        rows.append([*heard.mean(axis=1), *heard.std(axis=1), *np.diff(mfcc).std(axis=1), *5 * [np.log(len(audio))]])
    return np.array(rows), table["speaker"].to_list()


def gap(source: tuple[np.ndarray, list[str]], target: tuple[np.ndarray, list[str]], scale: np.ndarray) -> float:
    """The MMD between the features of two corpora, standardised as some features are."""
    mean, deviation = scale.mean(axis=0), scale.std(axis=0)
    return domain_gap((source[0] - mean) / deviation, (target[0] - mean) / deviation, source[1], target[1])["mmd"]


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    """Features of EMOVO's stand-in where all dials stand at 0."""
    return features(
        synthesize("emovo", tmp_path_factory.mktemp("common") / "emovo", speakers=3, clips=1, shift=0), "emovo"
    )


@pytest.mark.parametrize("dials", [*((dial,) for dial in Shift.__annotations__), tuple(Shift.__annotations__)])
def test_the_gap_of_audio_to_the_common_ground_rises_with_each_dial(tmp_path, common, dials):
    """The same voices say the same texts, so that there is no gap but that of the dials."""
    half, full = (
        features(
            synthesize("emovo", tmp_path / str(s), speakers=3, clips=1, shift=dict.fromkeys(dials, s)),
            "emovo",
        )
        for s in (0.5, 1.0)
    )
    scale = np.concatenate([common[0], full[0]])
    steps = [gap(common, there, scale) for there in (common, half, full)]
    assert steps[0] == pytest.approx(0.0, abs=1e-6)
    assert steps[0] + 0.01 < steps[1] < 0.9 * steps[2]


def test_the_gap_of_audio_between_two_corpora_rises_with_all_dials(tmp_path):
    """Voices and texts differ, so that the gap does not begin at 0."""
    gaps = []
    for step in (0.0, 1.0):
        source, target = (
            features(synthesize(name, tmp_path / str(step) / name, speakers=3, clips=1, shift=step), name)
            for name in ("iemocap", "urdu")
        )
        gaps.append(gap(source, target, np.concatenate([source[0], target[0]])))
    assert gaps[1] > 1.1 * gaps[0]


def test_the_gain_by_which_a_domain_displaces_energy_is_heard(tmp_path):
    name, levels = "ravdess", []
    for step in (0.0, 1.0):
        root = synthesize(name, tmp_path / str(step), speakers=2, clips=1, shift=Shift(channel=step))
        powers = [np.mean(soundfile.read(path)[0] ** 2) for path in sorted(root.rglob("*.wav"))]
        levels.append(10 * np.log10(powers).mean())
    displaced = [shifted(name, Shift(channel=step)).displacement.energy for step in (0.0, 1.0)]
    assert levels[1] - levels[0] == pytest.approx(displaced[1] - displaced[0], abs=2.5)


def test_spread_is_heard_from_clip_to_clip():
    deviations = []
    for order in (EMOVO, turned(EMOVO, spread=1.0)):
        session = Session(order, "f1", "female")
        clips = [session.record(str(n), text="t", prosody=Prosody(), syllables=7) for n in range(10)]
        deviations.append(np.std([10 * np.log10(np.mean(clip**2)) for clip in clips]))
    assert deviations[1] > 2 * deviations[0]


@pytest.mark.parametrize("name", [name for name in LAYOUTS if LAYOUTS[name].shows])
def test_every_layout_takes_every_dial_and_is_read_whole(tmp_path, name):
    people = max(2, LAYOUTS[name].fewest_speakers)
    dials = {"spread": 0.4, "prior": 1.0, "label_noise": 0.5}
    root = synthesize(name, tmp_path / name, speakers=people, clips=3, shift={"noise": 0.5}, **dials)
    corpus = read_corpus(name, root)
    record = json.loads((root / "synthetic.json").read_text())
    assert (corpus.missing, corpus.ignored) == ((), ())
    assert record["difficulty"] == dials
    assert set(record["mislabelled"].values()) <= set(LAYOUTS[name].shows)
    if name not in ("modma", "daic_woz"):
        ordered = Order(name, 0, Shift(), people, 3, Difficulty(**dials)).clips_by_class(list(LAYOUTS[name].shows))
        assert sorted(Counter(corpus.table["label"]).values()) == sorted(people * count for count in ordered.values())
        assert set(ordered.values()) >= {1, 3}


def test_the_prior_is_as_asked_and_differs_between_corpora():
    classes = list("abcdef")
    counts = Order("casia", 0, Shift(), 4, 50, Difficulty(prior=1.0)).clips_by_class(classes)
    assert sorted(counts.values()) == [5, 8, 13, 20, 32, 50]
    assert set(Order("casia", 0, Shift(), 4, 50).clips_by_class(classes).values()) == {50}
    half = Order("casia", 0, Shift(), 4, 50, Difficulty(prior=0.5)).clips_by_class(classes)
    assert sorted(half, key=half.get) == sorted(counts, key=counts.get)
    assert 50 / min(half.values()) == pytest.approx(np.sqrt(10), rel=0.03)
    other = Order("nemo", 0, Shift(), 4, 50, Difficulty(prior=1.0)).clips_by_class(classes)
    assert sorted(other, key=other.get) != sorted(counts, key=counts.get)


def test_the_prior_makes_patients_rare_but_leaves_one():
    from transfer.data.synthetic.daic_woz import _participant
    from transfer.data.synthetic.modma import draw_subjects

    order = Order("daic_woz", 0, Shift(), 60, 4)
    for prior, patients, depressed in ((0.0, 23, 20), (0.5, 7, 7), (1.0, 2, 2)):
        people = [_participant(turned(order, prior=prior), place).label for place in range(60)]
        assert people.count("depressed") == depressed
        assert people[1] == "depressed"
        drawn = draw_subjects(0, difficulty=Difficulty(prior=prior))
        assert sum(subject.group == "MDD" for subject in drawn) == patients


def test_wrong_labels_are_as_many_as_asked_uniform_over_the_others_and_nested():
    classes = ["a", "b", "c", "d"]
    wrong = {}
    for share in (0.1, 0.3, 0.5):
        order = turned(EMOVO, label_noise=share)
        shown = {n: order.shown("a", classes, str(n)) for n in range(1000)}
        wrong[share] = {n: other for n, other in shown.items() if other != "a"}
        low, high = binom.ppf([0.0005, 0.9995], 1000, share)
        assert low <= len(wrong[share]) <= high
    assert wrong[0.1].items() < wrong[0.3].items() < wrong[0.5].items()
    counts = Counter(wrong[0.5].values())
    assert set(counts) == {"b", "c", "d"}
    assert max(counts.values()) < 1.4 * min(counts.values())


def test_a_wrong_label_is_recorded_and_all_other_clips_stay_as_they_are(tmp_path):
    clean, noisy, again = (
        synthesize("casia", tmp_path / name, speakers=2, clips=2, label_noise=share)
        for name, share in (("clean", 0.0), ("noisy", 0.4), ("again", 0.4))
    )
    files = sorted(path.relative_to(clean).as_posix() for path in clean.rglob("*.wav"))
    wrong = json.loads((noisy / "synthetic.json").read_text())["mislabelled"]
    assert "mislabelled" not in json.loads((clean / "synthetic.json").read_text())
    assert 0 < len(wrong) < len(files)
    assert {file for file in files if (clean / file).read_bytes() != (noisy / file).read_bytes()} == set(wrong)
    assert all(file.split("/")[1] != shown for file, shown in wrong.items())
    assert all((again / file).read_bytes() == (noisy / file).read_bytes() for file in (*files, "synthetic.json"))


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        ({"label_noise": 0.6}, r"label_noise is 0\.6; expected a number from 0 to 0\.5"),
        ({"prior": -0.1}, r"prior is -0\.1; expected a number from 0 to 1"),
        ({"spread": float("nan")}, "spread is nan"),
        ({"shift": {"chanel": 0.5}}, "shift has no dial 'chanel'; did you mean 'channel'"),
        ({"shift": {"channel": 1.5}}, r"shift of channel is 1\.5"),
    ],
)
def test_a_dial_turned_too_far_or_of_another_name_is_refused(tmp_path, dials, message):
    with pytest.raises(UserError, match=message):
        synthesize("casia", tmp_path / "new", **dials)
    with pytest.raises(TypeError, match="expected a number"):
        synthesize("casia", tmp_path / "new", prior="much")
    with pytest.raises(TypeError, match="expected a number"):
        synthesize("casia", tmp_path / "new", shift={"noise": "much"})
    assert list(tmp_path.iterdir()) == []
