"""The layout of IEMOCAP: sessions of two speakers, their turns, and the files of EmoEvaluation."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from transfer.data.synthetic.factors import EMOTIONS, Sex
from transfer.data.synthetic.recording import Order, Session, stream, write_wav

__all__ = ["IEMOCAP_EMOTIONS", "SPEAKERS", "write_iemocap"]

SPEAKERS: dict[str, Sex] = {
    f"Ses{session:02d}{sex[0].upper()}": sex for session in range(1, 6) for sex in ("female", "male")
}
_RATE = 16_000  # Hz
IEMOCAP_EMOTIONS = {
    "ang": "anger",
    "exc": "excitement",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "sad": "sadness",
}
_OTHERS = {"sur": "surprise", "xxx": "neutral"}  # one turn each, which a reader leaves out
# Valence, activation and dominance from 1 to 5, in the spirit of Russell, A circumplex model of affect, 1980.
_DIMENSIONS = {
    "ang": (1.8, 4.0, 4.0),
    "exc": (4.0, 3.9, 3.5),
    "fru": (2.2, 3.2, 3.3),
    "hap": (4.1, 3.1, 3.1),
    "neu": (3.0, 2.7, 2.9),
    "sad": (2.0, 2.1, 2.3),
    "sur": (3.2, 3.6, 3.0),
    "xxx": (2.8, 3.0, 3.0),
}
_PAUSE = 0.8  # s between turns


def write_iemocap(root: Path, order: Order) -> dict[str, str]:
    """Write the turns of the first speakers, and for each dialogue the file of its labels.

    Returns:
        turn -> the emotion that is heard, of turns with a wrong label.
    """
    dialogues: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    clips, mislabelled = order.clips_by_class(list(IEMOCAP_EMOTIONS)), {}
    for name, sex in list(SPEAKERS.items())[: order.speakers]:
        session = Session(order, name, sex)
        codes = [code for code in IEMOCAP_EMOTIONS for _ in range(clips[code])] + list(_OTHERS)
        for place, at in enumerate(stream(order.seed, "iemocap", name, "order").permutation(len(codes))):
            code = codes[at]
            # The first letter of a dialogue says who wore the markers, the letter of a turn who speaks.
            dialogue = f"{name[:5]}F_{'impro01' if place % 2 == 0 else 'script01_1'}"
            turn = f"{dialogue}_{name[-1]}{place // 2:03d}"
            shown = order.shown(code, list(IEMOCAP_EMOTIONS), turn) if code in IEMOCAP_EMOTIONS else code
            if shown != code:
                mislabelled[turn] = shown
            emotion = EMOTIONS[(IEMOCAP_EMOTIONS | _OTHERS)[shown]] * session.speaker.expressivity
            audio = session.record(turn, text=turn, prosody=emotion, syllables=6)
            folder = root / f"Session{int(name[3:5])}" / "sentences" / "wav" / dialogue
            write_wav(folder / f"{turn}.wav", audio, rate=_RATE)
            dialogues[dialogue].append((turn, code, len(audio) / _RATE))
    for dialogue, turns in dialogues.items():
        _write_evaluation(root, dialogue, turns, order.seed)
    return mislabelled


def _write_evaluation(root: Path, dialogue: str, turns: list[tuple[str, str, float]], seed: int) -> None:
    """Write the labels and ratings of a dialogue, with a line of single raters as the real files have them."""
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    now = 2.0
    for turn, code, seconds in turns:
        rng = stream(seed, "iemocap", turn, "ratings")
        mean = [min(max(round(2 * (m + 0.4 * rng.standard_normal())) / 2, 1.0), 5.0) for m in _DIMENSIONS[code]]
        written = ", ".join(f"{value:.4f}" for value in mean)
        lines.append(f"[{now:.4f} - {now + seconds:.4f}]\t{turn}\t{code}\t[{written}]")
        lines += ["C-E1:\tNeutral;\t()", "A-E1:\tval 3; act 3; dom  3;\t()", ""]
        now += seconds + _PAUSE
    folder = root / f"Session{int(dialogue[3:5])}" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{dialogue}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
