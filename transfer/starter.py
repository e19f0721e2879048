"""A recipe to begin with, chosen by what somebody has, each choice with its reason (docs/evidence.md has the figures)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transfer.choice import Choice
from transfer.data.corpus import some
from transfer.data.labels import canonical_label
from transfer.errors import UserError
from transfer.evaluation.positive import named_positive, positive_class
from transfer.situation import Found, Situation

__all__ = ["choose"]

ENOUGH_CLIPS = 5  # of a speaker, for statistics of his or her own: 5 clips read .49 and .48, 20 .53 and .52, the corpus's .40 and .33
LONG_CLIP = 15.0  # s; what is longer is heard in windows
RIDGE = {
    "epochs": 40,
    "batch_size": 64,
    "balance": "sampler",
    "optimizer": {"name": "sgd", "lr": 0.02, "momentum": 0.9, "weight_decay": 0.1},
    "schedule": {"name": "cosine"},
    "label_smoothing": 0.0,
}  # logistic regression with a ridge penalty, which is convex: seeds hardly matter
NETWORK = {
    "frontend": {"name": "mfcc", "order": 3},
    "warping": False,
    "extractor": {"name": "multi_tim", "mode": "attention", "blocks": 3},
    "head": {"name": "temporal", "mode": "diff", "blocks": 5},
    "pretraining": {"epochs": 60},
    "training": {"epochs": 60, "batch_size": 64, "optimizer": {"name": "adamw", "lr": 0.0004}},
    "strategy": {"name": "finetune"},
    "selection": {"by": "target_validation"},
}  # the lab's final network
JOINT, SELF_TRAINING = {"name": "joint"}, {"name": "self_training"}


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
    if situation.labelled == "none" and situation.bundle:
        raise UserError(
            f"{situation.bundle} is learnt on with labels of the target, and --labelled none leaves none of them; name a number "
            "of speakers, or give the source's corpora instead (--source)"
        )
    if situation.labelled == "none" and not situation.shared:
        raise UserError(
            f"no label of {target.name} is to be learnt from, and it shares no two classes with a source (its own: "
            f"{some(target.classes, most=9)}), so that nothing could tell them apart; if they are a source's classes in other "
            "words, rename them in a manifest.csv with columns path,label,speaker; else let labels of some speakers be learnt "
            "from (--labelled; for that the manifest says who speaks)"
        )
    choices = [_what(situation, name), *_learnt(situation), _labels(situation), _split(situation)]
    return [*choices, _heard(situation), _normalisation(target, warping=not situation.bundle), _strategy(situation)]


def _what(situation: Situation, name: str) -> Choice:
    """Say what was found."""
    target = situation.target
    who = f"{target.speakers} speakers" if target.speakers else "speakers that are not known"
    return Choice(
        {"name": name, "target": _section(situation, target)},
        f"The target: {len(target.table)} clips of {who}, classes {', '.join(target.classes)}, median "
        f"{target.seconds.median():.1f} s.{_left_out(target)}",
    )


def _section(situation: Situation, corpus: Found, words: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the section of a corpus; of its words only those are kept that the shared classes are found among."""
    section: dict[str, Any] = {"corpus": corpus.name, "root": str(corpus.root)}
    if corpus.reader != corpus.name:
        section["reader"] = corpus.reader
    if situation.shared and corpus.strange:
        words = {word: word for word in corpus.classes if word not in corpus.strange}
    if words:
        section["relabel"] = words
    if corpus is situation.target:
        section["labelled_speakers"] = situation.labelled
    if corpus.seconds.max() > LONG_CLIP:
        section["slices"] = {"version": "V1", "seconds": 10, "overlap": 2.5}
    return section


def _left_out(corpus: Found) -> str:
    """Say which audio of a corpus's folder is not read."""
    if not corpus.left_out:
        return ""
    told = (
        f"{len(corpus.left_out)} audio files are left out" if len(corpus.left_out) > 1 else "1 audio file is left out"
    )
    return f" {corpus.name}: {told} ({some(corpus.left_out, most=2)})."


def _learnt(situation: Situation) -> Iterator[Choice]:
    """Yield where the transfer comes from."""
    if situation.bundle:
        yield Choice(
            {"source": {"bundle": str(situation.bundle)}},
            "A source whose audio stays where it is: weights and moments alone. Front end, extractor and head are its own.",
        )
    elif situation.sources:
        yield Choice(
            {"source": [_section(situation, source) for source in situation.sources]},
            f"The corpora that are to help, all labelled.{''.join(map(_left_out, situation.sources))}",
        )


def _labels(situation: Situation) -> Choice:
    """Say which classes are decided between, and by which head."""
    corpora = (situation.target, *situation.sources)
    if situation.shared:
        unknown = "; ".join(f"{corpus.name}: {_counted(corpus)}" for corpus in corpora if corpus.strange)
        why = f" `relabel` leaves out words that the registry of classes does not know ({unknown}): name one there, with the "
        return Choice(
            {"labels": "shared", "heads": "shared"},
            f"The classes that all corpora have: {', '.join(situation.shared)}; other clips are left out, and counted."
            + (why + "class that it means, to keep it." if unknown else ""),
        )
    keys: dict[str, Any] = {"labels": "as_is"}
    own, why = situation.target.classes, "The target's own classes."
    if len(own) == 2:
        keys["positive"] = positive_class(own)
        if named_positive(own) is None:
            why += (
                f" `positive` is the class that sensitivity is about: {own[-1]} is a guess by alphabet, so look at it."
            )
    if not situation.sources:
        return Choice(keys, why)
    why += " Source and target share none, or one alone."
    if not any(corpus.strange for corpus in corpora):
        return Choice(keys, why)
    sections = {corpus.name: _section(situation, corpus, _in_other_words(corpus)) for corpus in corpora}
    target = sections.pop(situation.target.name)
    strategy = JOINT if situation.labelled == "all" else SELF_TRAINING
    return Choice(
        keys,
        f"{why} If these are the source's classes in other words, map them (rename them in the manifest, or the folders) and "
        "run init again; or map them here, in the place of the keys of the same names:",
        {"target": target, "source": [*sections.values()], "labels": "shared", "heads": "shared", "strategy": strategy},
    )


def _counted(corpus: Found) -> str:
    """Return the words of a corpus that the registry does not know, with their numbers of clips."""
    counts = corpus.table["label"].value_counts()
    return some((f"{word} {counts[word]}" for word in corpus.strange), most=99)


def _in_other_words(corpus: Found) -> dict[str, str]:
    """Return a `relabel` to fill in, empty where every word is known."""
    return {word: canonical_label(word) or "..." for word in corpus.classes} if corpus.strange else {}


def _split(situation: Situation) -> Choice:
    """Say what is tested."""
    if situation.labelled != "all" and not situation.bundle:
        return Choice({"split": {"by": "speaker", "valid": 0, "transductive": True}}, _heard_of(situation))
    few = situation.target.speakers < 20
    hint = (
        " With so few speakers one split says little: `transfer compare THIS --folds 5` tests everybody once."
        if few
        else ""
    )
    valid = 0.2 if situation.bundle else 0
    return Choice(
        {"split": {"by": "speaker", "valid": valid, "test": 0.25}}, f"Nobody is heard in training and tested.{hint}"
    )


def _heard_of(situation: Situation) -> str:
    """Say what is heard and scored of a target that is not all labelled."""
    if situation.labelled != "none":
        return (
            f"{situation.labelled} of {situation.target.speakers} speakers, drawn by the seed, are learnt from with their labels; "
            "the others are heard without, and scored."
        )
    heard = "no target label is learnt from: every clip is heard without its label, and scored."
    if not situation.target.speakers:
        return f"Who speaks is not known, so that {heard}"
    return (
        f"As asked, {heard} Where labels are made up, because no class is known, scores mean nothing; predictions are of the "
        "classes that the manifest names."
    )


def _heard(situation: Situation) -> Choice:
    """Say what the model hears, and what hears it."""
    if situation.bundle:
        training = {"epochs": 24, "batch_size": 32, "optimizer": {"name": "adamw", "lr": 0.001}}
        return Choice({"training": training}, "How long the bundle's model learns here.")
    return Choice(
        {
            "frontend": {"name": "prosody"},
            "extractor": {"name": "functionals", "widths": []},
            "head": {"name": "linear"},
            "training": RIDGE,
        },
        "Functionals of pitch, voice quality and spectrum under logistic regression: measured above eGeMAPS with a linear SVM "
        "and above every small network on real corpora of other languages (docs/evidence.md). The first run extracts them, "
        "about 0.2 s a clip. Classes are drawn equally often.",
    )


def _normalisation(target: Found, *, warping: bool) -> Choice:
    """Say by whose statistics features are standardised: of all choices the one that matters most."""
    ranked: dict[str, Any] = {"warping": True} if warping else {}
    why = " Ranks rather than mean and deviation: better at every number of clips that was tried." if warping else ""
    if not target.speakers:
        return Choice(
            {"normalisation": "voice", "voices": 3, **ranked},
            "Each voice by its own clips, since who speaks is not known: who is who is found by ear. Set `voices` to how many "
            "people speak, up to five; three lose least where you cannot tell, and most where it is one. Measured on two real "
            "corpora of five and six speakers, and on parts of them (docs/evidence.md); with fewer clips or more speakers believe "
            "less. It hears all clips, without labels.",
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


def _strategy(situation: Situation) -> Choice:
    """Say how the source is used."""
    last = {"by": "last"}
    if situation.bundle:
        return Choice({"strategy": {"name": "finetune"}, "selection": {"by": "target_validation"}}, _BUNDLE)
    if situation.sources and not situation.shared:
        split = {**_split(situation).keys["split"], "valid": 0.2}
        return Choice(
            {"strategy": {"name": "scratch"}, "selection": last}, _NOTHING_SHARED, {**NETWORK, "split": split}
        )
    if situation.labelled != "all":
        why = _UNLABELLED if situation.sources else _LITTLE_ALONE
        return Choice({"strategy": SELF_TRAINING, "selection": last}, why)
    if situation.sources:
        return Choice({"strategy": JOINT, "selection": last}, _POOLED)
    return Choice({"strategy": {"name": "scratch"}, "selection": last}, _ALONE)


_BUNDLE = (
    "The bundle's extractor learns on at a tenth of the rate. `freeze` and `moment_matching` are one word away; `transfer "
    "compare` runs training from scratch beside it, which nothing that transfers can be believed without."
)
_NOTHING_SHARED = (
    "The target alone: a linear classifier can carry nothing over between classes that differ, and no strategy was measured to "
    "beat training from scratch there (README). Within a target functionals had higher means than every network (EMOVO, one seed: "
    "docs/emovo_loso.md). What a network learns of the source can be carried over; believe a gain only from `transfer "
    "compare THIS --folds 5 --seeds 3`, which runs the controls beside it. The lab's final network, in the place of the keys of "
    "the same names:"
)
_UNLABELLED = (
    "The source learnt first, then the surest predictions on the target's own clips with it: what was best in both "
    "directions between two real corpora (docs/evidence.md)."
)
_LITTLE_ALONE = (
    "The labelled speakers learnt first, then the surest predictions on the others' clips with them; there is no source, with "
    "which alone this was measured. Add one with `transfer init --source FOLDER`."
)
_POOLED = (
    "Source and labelled target learnt together. Where no or few speakers of the target have labels, `transfer init --labelled "
    "none` or a number writes self_training, which learns from all of their clips, and was best so far (docs/evidence.md)."
)
_ALONE = "The target alone, since there is no source; add one with `transfer init --source FOLDER`."
