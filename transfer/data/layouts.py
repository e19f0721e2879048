"""Corpora whose file names say everything, as rows of a table; a new one is a new row.

A row's patterns are searched in the posix path below the root, without its extension and without regard to case. Their
named groups give the columns; the label map turns codes into the corpus's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["LAYOUTS", "Layout", "SideTable"]


def _unknown(speaker: str) -> str:
    """Sex of a speaker that the file name does not tell."""
    return ""


def _among(*males: str) -> Callable[[str], str]:
    """Return the rule by which the listed speakers are male and all others female."""
    return lambda speaker: "male" if speaker in males else "female"


@dataclass(frozen=True)
class SideTable:
    """A table that comes with the audio and adds columns to it.

    Args:
        file: its name.
        key: the column that names the audio file (its extension does not matter) or the speaker.
        columns: column of the side table -> column of the corpus table.
        of: what a row is about.
        agrees: column of the side table -> column of the corpus table that must say the same.

    Example:
        >>> SideTable("data.tsv", key="file_id", columns={"gender": "sex"}).agrees
        {}
    """

    file: str
    key: str
    columns: Mapping[str, str]
    of: Literal["file", "speaker"] = "file"
    agrees: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """How a corpus names its files.

    Args:
        about: one line for listings.
        example: a file name of the layout, for messages.
        patterns: regular expressions, the most telling first.
        labels: code in the file name (lower case) -> the corpus's word for it.
        language: ISO 639-1 code.
        speaker: brings a speaker's spelling to one form.
        sex: sex of a speaker.
        side: the table that comes with the audio, if there is one.

    Example:
        >>> LAYOUTS["ravdess"].sex("02"), LAYOUTS["emodb"].labels["w"]
        ('female', 'anger')
    """

    about: str
    example: str
    patterns: tuple[str, ...]
    labels: Mapping[str, str]
    language: str
    speaker: Callable[[str], str] = str
    sex: Callable[[str], str] = _unknown
    side: SideTable | None = None


_CASIA = "(?P<label>angry|anger|fear|happy|neutral|sad|surprise)"
_SIX = "anger|disgust|fear|happiness|sadness|surprise"

LAYOUTS: dict[str, Layout] = {
    "casia": Layout(
        about="CASIA: Mandarin, acted, 4 speakers, 6 emotions",
        example="liuchanhg/angry/201.wav, angry/201-angry-liuchanhg.wav or angry/201.wav (speaker unknown)",
        patterns=(
            rf"(?:^|/)(?P<text>[^/-]+)-{_CASIA}-(?P<speaker>[^/]+)$",
            rf"(?:^|/)(?P<speaker>[^/]+)/{_CASIA}/(?P<text>\d+)$",
            rf"^{_CASIA}/(?P<text>\d+)$",
        ),
        labels={
            "angry": "angry",
            "anger": "angry",
            "fear": "fear",
            "happy": "happy",
            "neutral": "neutral",
            "sad": "sad",
            "surprise": "surprise",
        },
        language="zh",
    ),
    "emodb": Layout(
        about="EMO-DB: German, acted, 10 speakers, 7 emotions",
        example="wav/03a01Fa.wav",
        patterns=(r"(?:^|/)(?P<speaker>\d{2})(?P<text>[a-z]\d{2})(?P<label>[a-z])(?P<take>[a-z])?$",),
        labels={
            "w": "anger",
            "l": "boredom",
            "e": "disgust",
            "a": "fear",
            "f": "happiness",
            "t": "sadness",
            "n": "neutral",
        },
        language="de",
        sex=_among("03", "10", "11", "12", "15"),
    ),
    "emovo": Layout(
        about="EMOVO: Italian, acted, 6 speakers, 7 emotions",
        example="f1/dis-f1-b1.wav",
        patterns=(r"(?:^|/)(?P<label>[a-z]{3})-(?P<speaker>[fm]\d+)-(?P<text>[a-z]+\d+)$",),
        labels={
            "dis": "disgust",
            "gio": "joy",
            "neu": "neutral",
            "pau": "fear",
            "rab": "anger",
            "sor": "surprise",
            "tri": "sadness",
        },
        language="it",
        speaker=str.lower,
        sex=lambda speaker: "female" if speaker.startswith("f") else "male",
    ),
    "nemo": Layout(
        about="nEMO: Polish, acted, 9 speakers, 6 emotions",
        example="samples/EB0_anger_1.wav (and data.tsv)",
        patterns=(r"(?:^|/)(?P<speaker>[a-z]{2}\d)_(?P<label>[a-z]+)_(?P<text>\d+)$",),
        labels={word: word for word in ("anger", "fear", "happiness", "neutral", "sadness", "surprised")},
        language="pl",
        speaker=str.upper,
        side=SideTable(
            "data.tsv",
            key="file_id",
            columns={"gender": "sex", "age": "age", "raw_text": "text"},
            agrees={"emotion": "label", "speaker_id": "speaker"},
        ),
    ),
    "ravdess": Layout(
        about="RAVDESS: English, acted speech (songs and video are left out), 24 speakers, 8 emotions",
        example="Actor_01/03-01-05-01-02-01-01.wav",
        patterns=(
            r"(?:^|/)03-01-(?P<label>\d{2})-(?P<intensity>\d{2})-(?P<text>\d{2})-(?P<take>\d{2})-(?P<speaker>\d{2})$",
        ),
        labels={
            "01": "neutral",
            "02": "calm",
            "03": "happy",
            "04": "sad",
            "05": "angry",
            "06": "fearful",
            "07": "disgust",
            "08": "surprised",
        },
        language="en",
        sex=lambda speaker: "male" if int(speaker) % 2 else "female",
    ),
    "crema_d": Layout(
        about="CREMA-D: English, acted, 91 speakers, 6 emotions",
        example="AudioWAV/1001_DFA_ANG_XX.wav (and VideoDemographics.csv)",
        patterns=(r"(?:^|/)(?P<speaker>1\d{3})_(?P<text>[a-z]{3})_(?P<label>[a-z]{3})_(?P<intensity>[a-z]{1,2})$",),
        labels={
            "ang": "anger",
            "dis": "disgust",
            "fea": "fear",
            "hap": "happy",
            "neu": "neutral",
            "sad": "sad",
        },
        language="en",
        side=SideTable("videodemographics.csv", key="actorid", columns={"sex": "sex", "age": "age"}, of="speaker"),
    ),
    "savee": Layout(
        about="SAVEE: English, acted, 4 speakers, 7 emotions",
        example="DC/a01.wav or DC_a01.wav",
        patterns=(r"(?:^|/)(?P<speaker>DC|JE|JK|KL)[/_](?P<text>(?P<label>[a-z]{1,2})\d{2})$",),
        labels={
            "a": "anger",
            "d": "disgust",
            "f": "fear",
            "h": "happiness",
            "n": "neutral",
            "sa": "sadness",
            "su": "surprise",
        },
        language="en",
        speaker=str.upper,
        sex=_among("DC", "JE", "JK", "KL"),
    ),
    "tess": Layout(
        about="TESS: English, acted, 2 speakers, 7 emotions",
        example="OAF_Fear/OAF_back_fear.wav",
        # One file of the public copy writes its speaker OA.
        patterns=(r"(?:^|/)(?P<speaker>OAF?|YAF?)_(?P<text>[a-z]+)_(?P<label>[a-z]+)$",),
        labels={
            "angry": "angry",
            "disgust": "disgust",
            "fear": "fear",
            "happy": "happy",
            "neutral": "neutral",
            "ps": "surprise",
            "sad": "sad",
        },
        language="en",
        speaker=lambda speaker: f"{speaker[0].upper()}AF",
        sex=_among(),
    ),
    "enterface": Layout(
        about="eNTERFACE'05: English, induced, 42 speakers, 6 emotions (its videos' sound must be taken out first)",
        example="subject 1/anger/sentence 1/s1_an_1.wav",
        # Folders come first: file names in the folder of subject 11 say s12, and some are misspelt. The folders without
        # sentences (subject 6) hold whole sessions.
        patterns=(
            rf"(?:^|/)subject[ _-]?(?P<speaker>\d+)/(?P<label>{_SIX})/sentence[ _-]?(?P<text>\d+)/[^/]+$",
            r"^(?!.*subject).*?(?:^|/)s_?(?P<speaker>\d+)_(?P<label>an|di|fe|ha|sa|su)_(?P<text>\d+)(?:avi)?$",
        ),
        labels={code: word for word in _SIX.split("|") for code in (word, word[:2])},
        language="en",
    ),
    "urdu": Layout(
        about="URDU: Urdu, from talk shows, 29 speakers (most with one emotion only), 4 emotions",
        example="Angry/SM1_F1_A01.wav",
        patterns=(r"(?:^|/)(?P<speaker>S[MF]\d+)_(?P<source>F\d+)_(?P<label>[a-z])\d+$",),
        labels={"a": "angry", "h": "happy", "n": "neutral", "s": "sad"},
        language="ur",
        speaker=str.upper,
        sex=lambda speaker: "female" if speaker.startswith("SF") else "male",
    ),
}
