"""Stand-in corpora as sound: whether the audio holds what the factors and the shift say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import soxr

from transfer.data.synthetic import Shift, synthesize
from transfer.data.synthetic.factors import (
    BETWEEN_CLIPS,
    BETWEEN_SPEAKERS,
    DEPRESSION,
    EMOTIONS,
    FACTORS,
    Prosody,
    draw_speaker,
)
from transfer.data.synthetic.language import Tracks
from transfer.data.synthetic.modma import draw_subjects
from transfer.data.synthetic.recording import Order, Session
from transfer.data.synthetic.voice import LEVEL, RATE, vocalise

CLEAN = Shift()


def load(path: Path) -> np.ndarray:
    """Audio of a file at 16 kHz."""
    audio, rate = soundfile.read(path, dtype="float32")
    mono = audio if audio.ndim == 1 else audio.mean(axis=1)
    return soxr.resample(mono, rate, RATE)


def level_track(audio: np.ndarray) -> np.ndarray:
    """Level of 10 ms frames, in dB against the loudest."""
    rms = librosa.feature.rms(y=audio, frame_length=320, hop_length=160)[0]
    return 20.0 * np.log10(rms / rms.max() + 1e-9)


def active_level(audio: np.ndarray) -> float:
    rms = librosa.feature.rms(y=audio, frame_length=320, hop_length=160)[0]
    return float(20.0 * np.log10(np.sqrt(np.mean(rms[level_track(audio) > -15.0] ** 2))))


def pause_share(audio: np.ndarray) -> float:
    """Share of frames that belong to silences longer than 0.1 s, away from the clip's ends."""
    loud = np.flatnonzero(level_track(audio) > -22.0)
    gaps = np.diff(loud) - 1
    return float(gaps[gaps > 10].sum() / (loud[-1] - loud[0]))


def pauses_per_second(audio: np.ndarray) -> float:
    loud = np.flatnonzero(level_track(audio) > -22.0)
    return float(np.sum(np.diff(loud) > 10) / (0.01 * (loud[-1] - loud[0])))


def pitch_track(audio: np.ndarray) -> np.ndarray:
    """F0 of clearly voiced frames, in semitones against 100 Hz."""
    f0 = librosa.yin(audio, fmin=60, fmax=500, sr=RATE, frame_length=1024, hop_length=160)
    voiced = level_track(audio)[: len(f0)] > -12.0
    return 12.0 * np.log2(f0[voiced] / 100.0)


def pitch_range(audio: np.ndarray) -> float:
    low, high = np.percentile(pitch_track(audio), [10, 90])
    return float(high - low)


def spectral_fall(audio: np.ndarray) -> float:
    """Level below 1 kHz over the level from 1 to 4 kHz, in dB, of the loud frames."""
    power = np.abs(librosa.stft(audio, n_fft=512, hop_length=160)) ** 2
    power = power[:, level_track(audio)[: power.shape[1]] > -15.0].mean(axis=1)
    frequency = librosa.fft_frequencies(sr=RATE, n_fft=512)
    low, high = power[frequency < 1000].sum(), power[(frequency >= 1000) & (frequency < 4000)].sum()
    return float(10.0 * np.log10(low / high))


def long_term_spectrum(paths: list[Path]) -> np.ndarray:
    """Mean log-mel spectrum of the loud frames of some files, in dB."""
    spectra = []
    for path in paths:
        audio = load(path)
        mel = librosa.feature.melspectrogram(y=audio, sr=RATE, n_fft=512, hop_length=160, n_mels=40)
        loud = level_track(audio)[: mel.shape[1]] > -20.0
        spectra.append(librosa.power_to_db(mel[:, loud], amin=1e-12, top_db=None).mean(axis=1))
    return np.mean(spectra, axis=0)


def readings(prosody: Prosody, number: int = 6) -> list[np.ndarray]:
    """The same texts by the same voices, displaced by a prosody."""
    clips = []
    for k in range(number):
        session = Session(Order("modma", 3, CLEAN, 52, 4), f"voice {k}", "male")
        clips.append(session.record("clip", text=f"text {k}", prosody=prosody, syllables=64, seconds=6.0))
    return clips


def test_a_steady_vowel_has_the_formants_and_the_pitch_asked_for():
    rng = np.random.default_rng(0)
    speaker = dataclasses.replace(draw_speaker(rng, sex="male"), tract=1.0, f0=110.0)
    formants = np.array([700.0, 1250.0, 2550.0, 3500.0])
    steady = Tracks(np.zeros(200), np.ones(200), np.zeros(200), np.tile(formants, (200, 1)))
    audio = vocalise(steady, speaker, Prosody(pitch_level=3.0, energy=2.0), rng)

    f0 = np.median(librosa.yin(audio, fmin=60, fmax=400, sr=RATE))
    assert f0 == pytest.approx(110.0 * 2 ** (3 / 12), rel=0.02)
    assert 20 * np.log10(np.sqrt(np.mean(audio**2))) == pytest.approx(LEVEL + 2.0, abs=0.1)
    middle = librosa.effects.preemphasis(audio[4000:12000]) * np.hanning(8000)
    roots = np.roots(librosa.lpc(middle, order=18))
    narrow = roots[(roots.imag > 0) & (-np.log(np.abs(roots)) * RATE / np.pi < 400)]
    found = np.sort(np.angle(narrow) * RATE / (2 * np.pi))
    for formant in formants[:3]:
        assert np.min(np.abs(found - formant)) < 0.06 * formant


@pytest.mark.parametrize(
    ("measure", "factor"),
    [
        (lambda x: float(np.median(pitch_track(x))), Prosody(pitch_level=3.0)),
        (pitch_range, Prosody(pitch_range=0.8)),
        (active_level, Prosody(energy=5.0)),
        (pauses_per_second, Prosody(pauses=0.8)),
        (pause_share, Prosody(pauses=0.8)),
        (spectral_fall, Prosody(tilt=2.0)),
    ],
    ids=["pitch_level", "pitch_range", "energy", "number of pauses", "pauses", "tilt"],
)
def test_a_factor_moves_what_it_names(measure, factor):
    low, neutral, high = (np.mean([measure(x) for x in readings(factor * s, 3)]) for s in (-1.0, 0.0, 1.0))
    assert low < neutral < high


def test_rate_shortens_a_text_and_jitter_disturbs_the_voice():
    session = Session(Order("casia", 0, CLEAN, 4, 1), "wangzhe", "male")
    slow, fast = (len(session.record("c", text="t", prosody=Prosody(rate=rate), syllables=20)) for rate in (-0.3, 0.3))
    assert slow / fast == pytest.approx(2**0.6, rel=0.15)

    def harmonicity(jitter: float) -> float:
        rng = np.random.default_rng(1)
        vowel = Tracks(np.zeros(100), np.ones(100), np.zeros(100), np.tile([700.0, 1250.0, 2550.0, 3500.0], (100, 1)))
        audio = vocalise(vowel, draw_speaker(rng, sex="male"), Prosody(jitter=jitter), rng)
        auto = librosa.autocorrelate(audio.astype(np.float64))
        return float(auto[40:400].max() / auto[0])

    assert harmonicity(2.0) < harmonicity(0.0) - 0.01


def test_depression_moves_the_voice_as_documented():
    healthy, depressed = readings(Prosody()), readings(DEPRESSION * 1.5)
    for measure, sign in ((pitch_range, -1), (active_level, -1), (pause_share, 1), (spectral_fall, 1)):
        difference = np.mean([measure(x) for x in depressed]) - np.mean([measure(x) for x in healthy])
        assert sign * difference > 0, measure


def test_depression_is_a_milder_neighbour_of_sadness():
    unit = np.array(dataclasses.astuple(BETWEEN_SPEAKERS))
    vectors = {name: np.array(dataclasses.astuple(p)) / unit for name, p in {**EMOTIONS, "mdd": DEPRESSION}.items()}
    mdd = vectors.pop("mdd")

    def cosine(v: np.ndarray) -> float:
        return float(v @ mdd / max(np.linalg.norm(v) * np.linalg.norm(mdd), 1e-12))

    assert max(vectors, key=lambda name: cosine(vectors[name])) == "sadness"
    assert 0.8 < cosine(vectors["sadness"]) < 0.99
    assert np.linalg.norm(mdd) < 0.7 * np.linalg.norm(vectors["sadness"])
    # Within a subject a clip varies, but less than subjects do.
    assert all(getattr(BETWEEN_CLIPS, f) < getattr(BETWEEN_SPEAKERS, f) for f in FACTORS)


def test_patients_of_a_written_corpus_pause_more_and_speak_softer(tmp_path):
    root = synthesize("modma", tmp_path / "modma", speakers=16, clips=1, shift=0.0)
    groups: dict[str, list[tuple[float, float]]] = {"MDD": [], "HC": []}
    for subject in draw_subjects(0, 16):
        audio = load(root / "audio_lanzhou_2015" / subject.id / "01.wav")
        groups[subject.group].append((pause_share(audio), active_level(audio)))
    pauses, level = np.mean(groups["MDD"], axis=0) - np.mean(groups["HC"], axis=0)
    assert pauses > 0.02
    assert level < -0.5


def test_shift_moves_the_corpora_apart(tmp_path):
    distance = []
    for shift in (0.0, 0.5, 1.0):
        casia = synthesize("casia", tmp_path / f"casia{shift}", speakers=3, clips=1, shift=shift)
        modma = synthesize("modma", tmp_path / f"modma{shift}", speakers=6, clips=1, shift=shift)
        a = long_term_spectrum(sorted(casia.rglob("neutral/*.wav")))
        b = long_term_spectrum(sorted(modma.rglob("0202*/*.wav")))
        a, b = a - a.mean(), b - b.mean()  # the spectrum's shape, not its level
        distance.append(float(np.sqrt(np.mean((a - b) ** 2))))
    assert distance[0] < distance[1] < distance[2]
    assert distance[2] > 2.0 * distance[0]


@pytest.mark.parametrize("dial", ["channel", "noise", "language", "rhythm"])
def test_each_dial_moves_audio_and_only_rhythm_moves_its_timing(dial):
    clips = []
    for shift in (Shift(), Shift(**{dial: 1.0})):
        session = Session(Order("modma", 0, shift, 52, 4), "02010001", "male")
        clips.append(session.record("01", text="t", prosody=Prosody(), syllables=12))
    plain, moved = clips
    assert (len(plain) == len(moved)) == (dial != "rhythm")
    short = min(len(plain), len(moved))
    assert np.abs(plain[:short] - moved[:short]).max() > 0.005


@pytest.mark.slow
def test_a_plain_classifier_finds_depression_in_new_subjects_but_not_always(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    root = synthesize("modma", tmp_path / "modma", clips=3)
    features, labels = [], []
    for subject in draw_subjects(0):
        clips = []
        for path in sorted((root / "audio_lanzhou_2015" / subject.id).glob("*.wav")):
            audio = load(path)
            mfcc = librosa.feature.mfcc(y=audio, sr=RATE, n_mfcc=13, n_fft=512, hop_length=256)
            clips.append(np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1), np.diff(mfcc).std(axis=1)]))
        features.append(np.mean(clips, axis=0))
        labels.append(subject.group)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced"))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    score = balanced_accuracy_score(labels, cross_val_predict(model, np.array(features), labels, cv=folds))
    assert 0.72 < score < 0.97


def test_one_text_by_one_voice_differs_from_moment_to_moment():
    session = Session(Order("casia", 0, CLEAN, 4, 1), "wangzhe", "male")
    one, again, other = (session.record(c, text="t", prosody=Prosody(), syllables=8) for c in ("a", "a", "b"))
    np.testing.assert_array_equal(one, again)
    assert len(one) != len(other)


@pytest.mark.parametrize(
    ("name", "angry", "sad"),
    [("casia", "*/angry/*", "*/sad/*"), ("emovo", "*/rab-*", "*/tri-*"), ("nemo", "*/*_anger_*", "*/*_sadness_*")],
)
def test_anger_is_louder_higher_and_brighter_than_sadness_in_every_acted_corpus(tmp_path, name, angry, sad):
    root = synthesize(name, tmp_path / name, speakers=2, clips=1)
    high, low = ([load(path) for path in sorted(root.glob(pattern))] for pattern in (angry + ".wav", sad + ".wav"))
    assert len(high) == len(low) == 2
    for measure, sign in ((active_level, 1), (lambda x: np.median(pitch_track(x)), 1), (spectral_fall, -1)):
        assert all(sign * (measure(a) - measure(b)) > 0 for a, b in zip(high, low, strict=True))
