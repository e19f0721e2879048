"""A recipe to begin with, chosen by what somebody has, each choice with its reason (docs/evidence.md has the figures)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from transfer.errors import UserError
from transfer.situation import Found, Situation

__all__ = ["Choice", "choose", "render"]

ENOUGH_CLIPS = 5  # of a speaker, for statistics of his or her own: 5 clips read .49 and .48, 20 .53 and .52, the corpus's .40 and .33
LONG_CLIP = 15.0  # s; what is longer is heard in windows
POSITIVE = ("MDD", "depressed", "1")
RIDGE = {
    "epochs": 40,
    "batch_size": 64,
    "optimizer": {"name": "sgd", "lr": 0.02, "momentum": 0.9, "weight_decay": 0.1},
    "schedule": {"name": "cosine"},
    "label_smoothing": 0.0,
}  # logistic regression with a ridge penalty, which is convex: seeds hardly matter


@dataclass(frozen=True)
class Choice:
    """Keys of a recipe, and why they are so.

    Args:
        keys: section -> value.
        why: in plain words.
    """

    keys: dict[str, Any]
    why: str


def choose(situation: Situation, *, name: str) -> list[Choice]:
    """Return the choices for a situation, in the order in which a recipe tells them.

    Args:
        situation: what is there.
        name: of the recipe.

    Raises:
        UserError: where nothing can be trained and honestly tested.
    """
    target = situation.target
    if len(target.classes) < 2:
        raise UserError(f"{target.root} has one class ({target.classes[0]}); expected clips of two or more")
    if not target.speakers and not situation.sources:
        raise UserError(
            f"{target.root}: who speaks is not known, so that no part can be tested on speakers that training has not heard; "
            "write a manifest.csv with columns path,label,speaker (docs/corpora.md), or give corpora to learn from (--source)"
        )
    deep = _needs_network(situation)
    choices = [_what(situation, name), *_learnt(situation), _labels(situation), _split(situation)]
    return [
        *choices,
        _heard(situation, deep),
        _normalisation(target, warping=not deep and not situation.bundle),
        _strategy(situation, deep),
    ]


def render(choices: list[Choice], *, head: str) -> str:
    """Return choices as the text of a recipe, each below its reason.

    Example:
        >>> print(render([Choice({"name": "mine"}, "What it is called.")], head="Begun by hand."), end="")
        # Begun by hand.
        <BLANKLINE>
        # What it is called.
        name: mine
    """
    written = ["".join(_written(key, value) for key, value in choice.keys.items()) for choice in choices]
    told = [_comment(choice.why) for choice in choices]
    return "\n".join([_comment(head), *map("".join, zip(told, written, strict=True))])


def _written(key: str, value: Any) -> str:
    """Return a section as YAML: one line for each key of a section, and for what stands below it."""
    style = None if isinstance(value, dict | list) else False
    return str(yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, default_flow_style=style, width=120))


def _comment(text: str) -> str:
    """Return a text as YAML comments."""
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, 110))


def _needs_network(situation: Situation) -> bool:
    """Tell whether source and target share no classes, so that only a learnt extractor can carry something over."""
    return bool(situation.sources) and not situation.shared


def _what(situation: Situation, name: str) -> Choice:
    """Say what was found."""
    target = situation.target
    who = f"{target.speakers} speakers" if target.speakers else "speakers that are not known"
    return Choice(
        {"name": name, "target": _section(target, labelled="none" if _without_labels(situation) else "all")},
        f"The target: {len(target.table)} clips of {who}, classes {', '.join(target.classes)}, median {target.seconds.median():.1f} s.",
    )


def _section(corpus: Found, labelled: str | None = None) -> dict[str, Any]:
    """Return the section of a corpus."""
    section: dict[str, Any] = {"corpus": corpus.name, "root": str(corpus.root)}
    if corpus.reader != corpus.name:
        section["reader"] = corpus.reader
    if labelled:
        section["labelled_speakers"] = labelled
    if corpus.seconds.max() > LONG_CLIP:
        section["slices"] = {"version": "V1", "seconds": 10, "overlap": 2.5}
    return section


def _without_labels(situation: Situation) -> bool:
    """Tell whether no target label may be learnt from: the parts of unknown speakers cannot be kept apart."""
    return not situation.target.speakers


def _learnt(situation: Situation) -> Iterator[Choice]:
    """Yield where the transfer comes from."""
    if situation.bundle:
        yield Choice(
            {"source": {"bundle": str(situation.bundle)}},
            "A source whose audio stays where it is: weights and moments alone. Front end, extractor and head are its own.",
        )
    elif situation.sources:
        yield Choice(
            {"source": [_section(source) for source in situation.sources]},
            "The corpora that are to help, all labelled.",
        )


def _labels(situation: Situation) -> Choice:
    """Say which classes are decided between, and by which head."""
    if situation.shared:
        return Choice(
            {"labels": "shared", "heads": "shared"},
            f"The classes that all corpora have: {', '.join(situation.shared)}; other clips are left out, and counted.",
        )
    keys: dict[str, Any] = {"labels": "as_is"}
    positive = [word for word in POSITIVE if word in situation.target.classes]
    if len(situation.target.classes) == 2 and positive:
        keys["positive"] = positive[0]
    return Choice(keys, "The target's own classes." + (" Source and target share none." if situation.sources else ""))


def _split(situation: Situation) -> Choice:
    """Say what is tested."""
    if _without_labels(situation):
        return Choice(
            {"split": {"by": "speaker", "valid": 0, "transductive": True}},
            "Who speaks is not known, so that no target label is learnt from: every clip is heard without its label, and scored.",
        )
    few = situation.target.speakers < 20
    hint = (
        " With so few speakers one split says little: `transfer compare THIS --folds 5` tests everybody once."
        if few
        else ""
    )
    valid = 0.2 if _needs_network(situation) or situation.bundle else 0
    return Choice(
        {"split": {"by": "speaker", "valid": valid, "test": 0.25}}, f"Nobody is heard in training and tested.{hint}"
    )


def _heard(situation: Situation, deep: bool) -> Choice:
    """Say what the model hears, and what hears it."""
    if situation.bundle:
        training = {"epochs": 24, "batch_size": 32, "optimizer": {"name": "adamw", "lr": 0.001}}
        return Choice({"training": training}, "How long the bundle's model learns here.")
    if deep:
        return Choice(
            {
                "frontend": {"name": "mfcc", "order": 3},
                "extractor": {"name": "multi_tim", "mode": "attention", "blocks": 3},
                "head": {"name": "temporal", "mode": "diff", "blocks": 5},
                "pretraining": {"epochs": 60},
                "training": {"epochs": 60, "batch_size": 64, "optimizer": {"name": "adamw", "lr": 0.0004}},
            },
            "The lab's final network: with other classes in the target only what an extractor learns can be carried over. On "
            "small corpora it reads less than functionals with a linear classifier do within the target; compare with that.",
        )
    return Choice(
        {
            "frontend": {"name": "prosody"},
            "extractor": {"name": "functionals", "widths": []},
            "head": {"name": "linear"},
            "training": RIDGE,
        },
        "Functionals of pitch, voice quality and spectrum under logistic regression: measured above eGeMAPS with a linear SVM "
        "and above every small network on real corpora of other languages (docs/evidence.md). The first run extracts them, "
        "about 0.2 s a clip.",
    )


def _normalisation(target: Found, *, warping: bool) -> Choice:
    """Say by whose statistics features are standardised: of all choices the one that matters most."""
    ranked: dict[str, Any] = {"warping": True} if warping else {}
    why = " Ranks rather than mean and deviation: better at every number of clips that was tried." if warping else ""
    if not target.speakers:
        return Choice(
            {"normalisation": "voice", **ranked},
            "Each voice by its own clips, five voices found by ear, since who speaks is not known: worth .13 and .25 UAR over "
            f"statistics of the corpus on two real corpora. It hears all clips, without labels.{why}",
        )
    if target.one_class_speakers > 0.5:
        return Choice(
            {"normalisation": "corpus"},
            "By the corpus's own clips that training may hear. Not by speaker: here nearly every speaker has one class, and "
            "standardising each by his or her own clips would take away what tells the classes apart.",
        )
    if target.clips_by_speaker < ENOUGH_CLIPS:
        return Choice(
            {"normalisation": "corpus"},
            f"By the corpus's own clips. A speaker has {target.clips_by_speaker} here; from {ENOUGH_CLIPS} clips of mixed "
            "classes on, `speaker` is better.",
        )
    return Choice(
        {"normalisation": "speaker", **ranked},
        f"Each speaker by all of his or her own clips, without labels ({target.clips_by_speaker} each): worth .10 to .14 UAR "
        "over statistics of the corpus, from 5 clips of mixed classes on, more with 20. A new speaker needs some speech "
        f"first, and `transfer serve` judges clips one by one: where yours will not have company, `corpus`.{why}",
    )


def _strategy(situation: Situation, deep: bool) -> Choice:
    """Say how the source is used."""
    if situation.bundle and situation.target.speakers:
        return Choice({"strategy": {"name": "finetune"}, "selection": {"by": "target_validation"}}, _BUNDLE)
    if deep:
        return Choice({"strategy": {"name": "finetune"}, "selection": {"by": "target_validation"}}, _DEEP)
    if situation.sources:
        name, why = ("self_training", _UNLABELLED) if _without_labels(situation) else ("joint", _POOLED)
        return Choice({"strategy": {"name": name}, "selection": {"by": "last"}}, why)
    return Choice({"strategy": {"name": "scratch"}, "selection": {"by": "last"}}, _ALONE)


_BUNDLE = (
    "The bundle's extractor learns on at a tenth of the rate. `freeze` and `moment_matching` are one word away; `transfer "
    "compare` runs training from scratch beside it, which nothing that transfers can be believed without."
)
_DEEP = (
    "No strategy was measured to beat training from scratch where the classes differ (README): believe a gain only from "
    "`transfer compare THIS --folds 5 --seeds 3`, which runs the controls beside it."
)
_UNLABELLED = (
    "The source learnt first, then the surest predictions on the target's own clips with it: what was best in both "
    "directions between two real corpora (docs/evidence.md)."
)
_POOLED = (
    "Source and labelled target learnt together. Where some speakers of the target have no labels (target.labelled_speakers: "
    "a number), self_training learns from their clips too, and was best so far (docs/evidence.md)."
)
_ALONE = "The target alone, since there is no source; add one with `transfer init --source FOLDER`."
