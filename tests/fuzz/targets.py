"""What is fuzzed: every way by which bytes from strangers come in. A target takes bytes and refuses them by name, or not."""

import io
import math
import os
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import soundfile
import yaml

from tests.fuzz.trees import FIELD, RECORD, parquet_manifests, standin, unpack
from transfer.data.audio import load_audio
from transfer.data.readers import READERS, read_corpus
from transfer.errors import UserError
from transfer.loading import list_recipes, load_recipe, recipe_folder

MOST_SECONDS = 20.0  # of audio that a front end is given, so that a fuzzer is not kept busy by long clips


@dataclass(frozen=True)
class Target:
    """Something that takes bytes.

    Args:
        try_out: is given the bytes; returns whether they were taken, and raises what is no `UserError` where it fails.
        seeds: good examples to begin with.
        words: pieces of its language.
    """

    try_out: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()


@cache
def scratch():
    """Return a folder of this process alone, in memory where the system has that."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=place))


def taken(call):
    """Make a call and say whether its input was taken; a named refusal is a fine answer."""
    try:
        call()
    except UserError as error:
        if not str(error).strip():
            raise AssertionError("a refusal without a word") from error
        return False
    return True


def recipe(data):
    """Load a recipe: its first line may hold overrides, as on a command line."""
    file = scratch() / "recipe.yaml"
    head, mark, rest = data.partition(b"\n#---\n")
    file.write_bytes(rest if mark else data)
    overrides = head.decode("utf-8", "replace").split("\x1f") if mark else []
    return taken(lambda: load_recipe(file, overrides, synthetic=len(data) % 2 == 0))


def recipe_seeds():
    """Return recipes: bases as they are, and some of those that ship, unfolded."""
    bases = [path.read_bytes() for path in sorted((recipe_folder() / "_base").glob("*.yaml"))]
    whole = [load_recipe(path).model_dump(mode="json", exclude_defaults=True) for path in list_recipes()[::12]]
    plain = [yaml.safe_dump(tree, sort_keys=False).encode() for tree in whole]
    own = b"name: a\nstrategy: {name: mmd}\nsource: {corpus: casia}\ntarget: {corpus: modma}\n"
    longer = b"training.epochs=3\x1fsource.0.root=/x\n#---\n"
    return [own, longer + own, own + b"split: {test: 0.2}\nlabels: shared\n", *plain, *bases]


def corpus(name, data):
    """Read a corpus that bytes describe."""
    root = unpack(data, scratch() / "corpus")
    return taken(lambda: read_corpus("own", root, reader=name))


def guessed(data):
    """Read a corpus by the reader that is guessed."""
    root = unpack(data, scratch() / "corpus")
    return taken(lambda: read_corpus("own", root))


def audio(data):
    """Decode, cut, resample and transform: the last bytes say which stretch at which rate."""
    from transfer.data.features import extract_features

    file = scratch() / "audio.wav"
    body, tail = data[:-6], data[-6:].rjust(6, b"\0")
    first, last, rate = struct.unpack("<HHH", tail)
    start, end = (first / 1000, last / 1000 if last else math.nan) if first % 3 == 0 else (0.0, math.nan)
    file.write_bytes(body)

    def whole_path():
        wave = load_audio(file, start=start, end=end, sample_rate=(16000, 8000, 44100)[rate % 3])
        assert wave.dtype == np.float32
        assert np.isfinite(wave).all()
        if rate % 8 == 0 and len(wave) < MOST_SECONDS * 16000:
            store = extract_features(slice_of(file, start, end), front_end(), threads=1, cached=False)
            assert np.isfinite(store.frames).all()
            assert len(store) == 1

    return taken(whole_path)


def slice_of(file, start, end):
    import pandas as pd

    return pd.DataFrame({"path": [str(file)], "start": [start], "end": [end], "hash": ["0"]})


@cache
def front_end():
    from feature_extractors.frontends import MFCC

    return MFCC()


def audio_seeds():
    noise = 0.3 * np.random.default_rng(0).standard_normal(800)
    made = []
    for form, kind, rate, channels in (
        ("WAV", "PCM_16", 16000, 1),
        ("WAV", "FLOAT", 8000, 2),
        ("WAV", "PCM_24", 44100, 1),
        ("WAV", "ULAW", 8000, 1),
        ("WAV", "IMA_ADPCM", 16000, 1),
        ("AIFF", "PCM_16", 16000, 1),
        ("AU", "PCM_16", 8000, 1),
        ("FLAC", "PCM_16", 16000, 1),
        ("OGG", "VORBIS", 16000, 1),
        ("W64", "PCM_16", 16000, 1),
        ("RF64", "PCM_16", 16000, 1),
        ("CAF", "PCM_16", 16000, 1),
        ("NIST", "PCM_16", 16000, 1),
        ("MP3", "MPEG_LAYER_III", 16000, 1),
    ):
        raw = io.BytesIO()
        try:
            soundfile.write(raw, np.tile(noise[:, None], channels), rate, format=form, subtype=kind)
        except soundfile.SoundFileError:  # of a libsndfile without it
            continue
        made += [raw.getvalue() + struct.pack("<HHH", 0, 0, 0), raw.getvalue() + struct.pack("<HHH", 3, 30, 8)]
    return made


def _corpus_seeds(name):
    """Return the stand-in of a reader, and the other forms that it reads."""
    return [standin(name), *(parquet_manifests() if name == "manifest" else [])]


def _words(name):
    shared = (FIELD, RECORD, b".wav", b".csv", b"\xef\xbb\xbf", b"\0", b'"', b"nan", b"1e999", b"-1", b"../", b"\\")
    own = {
        "manifest": (
            b"manifest.csv",
            b"manifest.tsv",
            b"manifest.parquet",
            b"PAR1",
            b"path",
            b"label",
            b"end",
            b"[[]]",
        ),
        "audformat": (b"db.yaml", b"tables:", b"schemes:", b"labels:", b"&a ", b"*a", b"!!int ", b"0 days 00:00:01"),
        "modma": (b".xlsx", b"<c ", b"<v>", b"subject id", b"type", b"MDD", b"PHQ-9"),
        "daic_woz": (b"_TRANSCRIPT.csv", b"Participant\t", b"Ellie\t", b"train_split", b"300_P/300_AUDIO.wav"),
        "iemocap": (b"EmoEvaluation/", b"[6.29 - 8.23]\t", b"[2.5, 2.5, 2.5]", b"Ses01F_impro01_F000"),
    }
    return shared + own.get(name, ())


TARGETS: dict[str, Target] = {
    "recipe": Target(
        recipe,
        recipe_seeds,
        (
            b"\n#---\n",
            b"&a ",
            b"*a",
            b"!!",
            b"<<: ",
            b"${oc.env:HOME}",
            b"${",
            b"extends: ",
            b"name: ",
            b"0b_",
            b"2001-01-01",
            b"1e999",
            b".nan",
            b"null",
            b"{",
            b"[",
            b"losses: [{name: mmd}]",
            b"mod:Name",
            b"training: ",
        ),
    ),
    "audio": Target(audio, audio_seeds, (b"RIFF", b"fmt ", b"data", b"fLaC", b"OggS", b"FORM", b"\xff\xff\xff\x7f")),
    "guessed": Target(guessed, lambda: [standin(name) for name in READERS], _words("manifest")),
    **{f"reader-{name}": Target(partial(corpus, name), partial(_corpus_seeds, name), _words(name)) for name in READERS},
}
