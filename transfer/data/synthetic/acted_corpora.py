"""The acted corpora whose file names say everything, each in the names and rates of the real one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from transfer.data.synthetic.acted import Acted, same
from transfer.data.synthetic.factors import Sex

__all__ = ["ACTED"]

_NEMO = {**same("anger", "fear", "happiness", "neutral", "sadness"), "surprised": "surprise"}
_TESS = {"fear": "Fear", "ps": "Pleasant_surprise", "sad": "Sad"}
_URDU = ("Angry", "Happy", "Neutral", "Sad")
_URDU_ALONE = {f"S{'F' if n in (5, 11, 17) else 'M'}{n}": _URDU[n % 4] for n in range(3, 29)}  # in one emotion only


def _numbers(first: int, last: int, width: int = 0) -> tuple[str, ...]:
    """Return numbers as text."""
    return tuple(f"{number:0{width}d}" for number in range(first, last + 1))


def _alternating(names: tuple[str, ...]) -> dict[str, Sex]:
    """Return speakers whose sex alternates, which is a guess unless the corpus says so."""
    return {name: "female" if place % 2 else "male" for place, name in enumerate(names)}


def _write_nemo_table(root: Path, speakers: Mapping[str, Sex], texts: Mapping[str, tuple[str, ...]]) -> None:
    """Write nEMO's data.tsv, with the blanks that the real one has before its speaker ids."""
    lines = ["\t".join(("file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age"))]
    for order, (speaker, sex) in enumerate(speakers.items()):
        for emotion, said_so in texts.items():
            for text in said_so:
                said = f"próbne zdanie, część {text}"
                row = (f"{speaker}_{emotion}_{text}.wav", emotion, said.capitalize() + ".", said.replace(",", ""))
                lines.append("\t".join((*row, " " * 8 + speaker, sex, str(24 + order % 5))))
    (root / "data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _write_demographics(root: Path, speakers: Mapping[str, Sex], texts: Mapping[str, tuple[str, ...]]) -> None:
    """Write CREMA-D's table of actors."""
    lines = ["ActorID,Age,Sex,Race,Ethnicity"]
    lines += [f"{actor},{20 + int(actor) % 55},{sex.capitalize()},Unknown,Unknown" for actor, sex in speakers.items()]
    (root / "VideoDemographics.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _tess_path(speaker: str, emotion: str, text: str) -> str:
    """Return a file of TESS, whose folders are spelt otherwise for the older talker than for the younger one."""
    folder = _TESS.get(emotion, emotion) if speaker == "OAF" else {"ps": "pleasant_surprised"}.get(emotion, emotion)
    return f"{speaker}_{folder}/{speaker}_{text}_{emotion}.wav"


ACTED: dict[str, Acted] = {
    "casia": Acted(
        speakers={"liuchanhg": "female", "wangzhe": "male", "zhaoquanyin": "female", "ZhaoZuoxiang": "male"},
        emotions={"angry": "anger", "fear": "fear", "happy": "happiness", "neutral": "neutral", "sad": "sadness"}
        | same("surprise"),
        texts=_numbers(201, 250),
        path="{speaker}/{emotion}/{text}.wav".format,
        rate=16_000,
    ),
    "crema_d": Acted(
        speakers=_alternating(_numbers(1001, 1091)),
        emotions={
            "ANG": "anger",
            "DIS": "disgust",
            "FEA": "fear",
            "HAP": "happiness",
            "NEU": "neutral",
            "SAD": "sadness",
        },
        texts=("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI"),
        path="AudioWAV/{speaker}_{text}_{emotion}_XX.wav".format,
        rate=16_000,
        table=_write_demographics,
    ),
    "emodb": Acted(
        speakers={
            name: "male" if name in ("03", "10", "11", "12", "15") else "female"
            for name in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
        },
        emotions={
            "W": "anger",
            "L": "boredom",
            "E": "disgust",
            "A": "fear",
            "F": "happiness",
            "T": "sadness",
            "N": "neutral",
        },
        texts=("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10"),
        path="wav/{speaker}{text}{emotion}a.wav".format,
        rate=16_000,
    ),
    "emovo": Acted(
        speakers={"f1": "female", "m1": "male", "f2": "female", "m2": "male", "f3": "female", "m3": "male"},
        emotions={
            "dis": "disgust",
            "gio": "happiness",
            "neu": "neutral",
            "pau": "fear",
            "rab": "anger",
            "sor": "surprise",
            "tri": "sadness",
        },
        texts=("b1", "b2", "b3", "d1", "d2", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5"),
        path="{speaker}/{emotion}-{speaker}-{text}.wav".format,
        rate=48_000,
        stereo=True,
    ),
    "enterface": Acted(
        speakers=_alternating(tuple(number for number in _numbers(1, 44) if number not in ("6", "23"))),
        emotions=same("anger", "disgust", "fear", "happiness", "sadness", "surprise"),
        texts=_numbers(1, 5),
        path="subject {speaker}/{emotion}/sentence {text}/s{speaker}_{emotion:.2}_{text}.wav".format,
        rate=48_000,
    ),
    "nemo": Acted(
        speakers={
            "EB0": "female",
            "SM0": "male",
            "IC0": "female",
            "TP0": "male",
            "KD0": "female",
            "KS0": "male",  # the sex of this one and the next three is a guess
            "MK0": "female",
            "MP0": "male",
            "WR0": "male",
        },
        emotions=_NEMO,
        texts=_numbers(1, 90),
        path="samples/{speaker}_{emotion}_{text}.wav".format,
        rate=24_000,
        table=_write_nemo_table,
    ),
    "ravdess": Acted(
        speakers=_alternating(_numbers(1, 24, width=2)),
        emotions=dict(
            zip(
                _numbers(1, 8, width=2),
                ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"),
                strict=True,
            )
        ),
        texts=("01-01", "01-02", "02-01", "02-02"),  # statement and repetition, at normal intensity
        path="Actor_{speaker}/03-01-{emotion}-01-{text}-{speaker}.wav".format,
        rate=48_000,
    ),
    "savee": Acted(
        speakers={"DC": "male", "JE": "male", "JK": "male", "KL": "male"},
        emotions={
            "a": "anger",
            "d": "disgust",
            "f": "fear",
            "h": "happiness",
            "n": "neutral",
            "sa": "sadness",
            "su": "surprise",
        },
        texts=_numbers(1, 15, width=2),
        path="{speaker}/{emotion}{text}.wav".format,
        rate=44_100,
    ),
    "tess": Acted(
        speakers={"OAF": "female", "YAF": "female"},
        emotions={"angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness"}
        | {"neutral": "neutral", "ps": "surprise", "sad": "sadness"},
        texts=("back", "bar", "base", "bath", "bean", "beg", "bite", "boat", "bone", "book"),
        path=_tess_path,
        rate=24_414,
    ),
    "urdu": Acted(
        speakers={name: "female" if name[1] == "F" else "male" for name in ("SM1", "SF1", "SM2", *_URDU_ALONE)},
        emotions=dict(zip(_URDU, ("anger", "happiness", "neutral", "sadness"), strict=True)),
        texts=_numbers(1, 10, width=2),
        path="{emotion}/{speaker}_F1_{emotion:.1}{text}.wav".format,
        rate=44_100,
        alone=_URDU_ALONE,
        scripted=False,
    ),
}
