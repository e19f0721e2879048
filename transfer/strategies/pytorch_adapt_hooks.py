"""Every hook that pytorch-adapt exports: what it needs of the strategy, or why it is no strategy.

The library is not imported here, so that recipes load and are checked without it; a test holds the table and the library
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["HOOKS", "PARTS", "Hook", "runnable"]

Option = Literal["flag", "number", "count", "layer", "weighter", "hooks", "domains", "features | logits"]
"""What an option of a hook takes: true or false, a number, a whole number from 1, a layer or a weighter of the library by
name, a list of loss hooks that join the step, a list of `src` and `target`, one of the two words."""


@dataclass(frozen=True)
class Hook:
    """A hook that is an algorithm or a loss.

    Args:
        about: what it is, and where it was published.
        steps: its argument for optimizers -> what these drive: G (extractor), C (heads), D (discriminator). A loss hook
            has none: it joins the source's classification loss in one step.
        discriminator: what D looks at, where there is one: `features`, `logits` or `combined` (features x predictions).
        classifier: what C is: our `head`, a `pair` of classifiers, or our head with a `bridge` taken off.
        further: other models it needs: `combiner` (features x predictions), `residual`, `bridge` of D, `copy` of G.
        classes: what it asks of the heads: `any`, `same` classes in all corpora, or one `shared` head.
        pretrained: what it finds trained: nothing, the `extractor`, or extractor and head (`all`).
        options: name -> kind.
    """

    about: str
    steps: Mapping[str, str] = field(default_factory=dict)
    discriminator: Literal["", "features", "logits", "combined"] = ""
    classifier: Literal["head", "pair", "bridge"] = "head"
    further: tuple[str, ...] = ()
    classes: Literal["any", "same", "shared"] = "any"
    pretrained: Literal["", "extractor", "all"] = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    trains: bool = True

    @property
    def is_loss(self) -> bool:
        """Whether it is a loss beside the task, which steps nothing itself."""
        return self.trains and not self.steps


def _options(**kinds: Option) -> Mapping[str, Option]:
    """Return a table of options that cannot be changed."""
    return MappingProxyType(kinds)


ONE = {"opts": "GCD"}
PLAIN = {"opts": "GC"}
GAME = {"g_opts": "GC", "d_opts": "D"}
TWO_CLASSIFIERS = {"g_opts": "G", "c_opts": "C"}

_REVERSAL = _options(gradient_reversal_weight="number", weighter="weighter", post_g="hooks")
_GAME = _options(g_weighter="weighter", d_weighter="weighter", post_g="hooks")
_ENTROPY = _options(detach_entropy_reducer="flag")
_SOFTMAX = _options(softmax="flag")
_ONE_DOMAIN = _options(loss_fn="layer", domains="domains")
_LOSS = _options(loss_fn="layer")
_STEP = _options(weighter="weighter")
_POST = _options(weighter="weighter", post="hooks")

HOOKS: Mapping[str, Hook] = {
    # Gradient reversal: one step of all.
    "DANNHook": Hook(
        "domain-adversarial training (Ganin et al., JMLR 2016)",
        ONE,
        "features",
        options={**_REVERSAL, "use_logits": "flag"},
    ),
    "DANNLogitsHook": Hook("DANN on logits", ONE, "logits", classes="same", options=_REVERSAL),
    "DANNSoftmaxLogitsHook": Hook(
        "DANN on probabilities",
        ONE,
        "logits",
        classes="same",
        options=_options(weighter="weighter", post_g="hooks"),
    ),
    "DANNEHook": Hook("DANN, slices weighted by their entropy", ONE, "features", options={**_REVERSAL, **_ENTROPY}),
    "CDANNEHook": Hook(
        "CDAN+E by gradient reversal (Long et al., NeurIPS 2018)",
        ONE,
        "combined",
        further=("combiner",),
        classes="same",
        options={**_REVERSAL, **_ENTROPY, **_SOFTMAX},
    ),
    "GVBHook": Hook(
        "gradually vanishing bridge (Cui et al., CVPR 2020)",
        ONE,
        "logits",
        "bridge",
        ("bridge",),
        "shared",
        options=_REVERSAL,
    ),
    "GVBEHook": Hook(
        "GVB, slices weighted by their entropy",
        ONE,
        "logits",
        "bridge",
        ("bridge",),
        "shared",
        options={**_REVERSAL, **_ENTROPY},
    ),
    # Games: D steps, then G and C.
    "GANHook": Hook(
        "adversarial training with swapped domain labels", GAME, "features", options={**_GAME, "use_logits": "flag"}
    ),
    "GANEHook": Hook("the same, slices weighted by their entropy", GAME, "features", options={**_GAME, **_ENTROPY}),
    "CDANHook": Hook(
        "conditional adversarial networks (Long et al., NeurIPS 2018)",
        GAME,
        "combined",
        further=("combiner",),
        classes="same",
        options={**_GAME, **_SOFTMAX},
    ),
    "CDANEHook": Hook(
        "CDAN, slices weighted by their entropy",
        GAME,
        "combined",
        further=("combiner",),
        classes="same",
        options={**_GAME, **_SOFTMAX, **_ENTROPY},
    ),
    "DomainConfusionHook": Hook(
        "a discriminator of two outputs that G makes undecided (Tzeng et al., ICCV 2015)",
        GAME,
        "features",
        further=("two outputs",),
        options={**_GAME, "use_logits": "flag"},
    ),
    "GVBGANHook": Hook("GVB as a game", GAME, "logits", "bridge", ("bridge",), "shared", options=_GAME),
    "VADAHook": Hook(
        "GAN with virtual adversarial training and entropy (Shu et al., ICLR 2018)",
        GAME,
        "features",
        options={**_GAME, "vat_loss_fn": "layer", "entropy_loss_fn": "layer"},
    ),
    "ADDAHook": Hook(
        "the target's extractor against a fixed copy of the source's (Tzeng et al., CVPR 2017)",
        GAME,
        "features",
        further=("copy",),
        pretrained="all",
        options=_options(threshold="number", g_weighter="weighter", d_weighter="weighter"),
    ),
    # Two classifiers.
    "MCDHook": Hook(
        "maximum classifier discrepancy (Saito et al., CVPR 2018); `stochastic: true` is STAR (Lu et al., CVPR 2020)",
        TWO_CLASSIFIERS,
        classifier="pair",
        classes="shared",
        options=_options(
            repeat="count",
            discrepancy_loss_fn="layer",
            x_weighter="weighter",
            y_weighter="weighter",
            z_weighter="weighter",
        ),
    ),
    "SymNetsHook": Hook(
        "domain-symmetric networks (Zhang et al., CVPR 2019)",
        TWO_CLASSIFIERS,
        classifier="pair",
        classes="shared",
        options=_options(g_weighter="weighter", c_weighter="weighter"),
    ),
    # One step without an adversary.
    "AlignerPlusCHook": Hook(
        "classification and alignment of features and probabilities, MMD unless `loss_fn` says otherwise",
        PLAIN,
        classes="same",
        options={**_POST, **_LOSS, **_SOFTMAX},
    ),
    "RTNHook": Hook(
        "residual transfer networks (Long et al., NeurIPS 2016)",
        PLAIN,
        further=("combiner", "residual"),
        classes="shared",
        options={**_POST, "aligner_loss_fn": "layer"},
    ),
    "ClassifierHook": Hook("classification of the source, and the losses of `post`", PLAIN, options=_POST),
    "MultiLabelClassifierHook": Hook("classification of the source, one class against the rest", PLAIN, options=_STEP),
    "FinetunerHook": Hook(
        "classification of the source on a frozen extractor", {"opts": "C"}, pretrained="extractor", options=_STEP
    ),
    "MultiLabelFinetunerHook": Hook(
        "the same, one class against the rest", {"opts": "C"}, pretrained="extractor", options=_STEP
    ),
    "AdaBNHook": Hook(
        "BatchNorm statistics of each corpus, nothing is trained (Li et al., 2016)", pretrained="all", trains=False
    ),
    # Losses beside the task.
    "AFNHook": Hook("adaptive feature norms (Xu et al., ICCV 2019)", options=_ONE_DOMAIN),
    "BNMHook": Hook("batch nuclear-norm maximisation (Cui et al., CVPR 2020)", options=_ONE_DOMAIN),
    "BSPHook": Hook("batch spectral penalisation (Chen et al., ICML 2019)", options=_ONE_DOMAIN),
    "MCCHook": Hook("minimum class confusion (Jin et al., ECCV 2020)", options=_ONE_DOMAIN),
    "TargetEntropyHook": Hook("entropy of the target's predictions", options=_ONE_DOMAIN),
    "TargetDiversityHook": Hook("diversity of the target's predictions", options=_ONE_DOMAIN),
    "ISTLossHook": Hook(
        "information between features and domain (Shi & Sha, ICML 2012)", options=_options(with_div="flag")
    ),
    "ATDOCHook": Hook("pseudo-labels of neighbours (Liang et al., CVPR 2021)", options=_options(k="count")),
    "VATHook": Hook("virtual adversarial training (Miyato et al., TPAMI 2019)", options=_LOSS),
    "VATPlusEntropyHook": Hook(
        "VAT and the target's entropy", options=_options(vat_loss_fn="layer", entropy_loss_fn="layer")
    ),
    "AlignerHook": Hook(
        "MMD of features, or of logits (Long et al., ICML 2015)",
        options={**_LOSS, "layer": "features | logits"},
    ),
    "FeaturesLogitsAlignerHook": Hook("MMD of features and of logits", classes="same", options=_LOSS),
    "JointAlignerHook": Hook("joint MMD (Long et al., ICML 2017)", classes="same", options=_LOSS),
    "ManyAlignerHook": Hook("MMD of features and of probabilities", classes="same", options={**_LOSS, **_SOFTMAX}),
    "RTNAlignerHook": Hook("MMD of features x logits", further=("combiner",), classes="same", options=_LOSS),
}

_PLUMBING = "plumbing: it only joins, repeats or chooses other hooks"
_OUTPUT = "computes outputs for other hooks, no loss"
_REDUCER = "reduces the losses of other hooks to a number"
_REVERSES = "reverses gradients for other hooks, no loss"
_DOMAIN = "one side of an adversarial game: alone it makes the domains easier to tell apart; runs inside "
_PAIR = "one term of two classifiers, without the counterpart that gives it a sense; runs inside "

PARTS: Mapping[str, str] = {
    "CLossHook": "the classification loss that every algorithm here has; alone it is ClassifierHook",
    "MultipleCLossHook": _PAIR + "MCDHook and SymNetsHook",
    "MCDLossHook": _PAIR + "MCDHook",
    "SymNetsCategoryLossHook": _PAIR + "SymNetsHook",
    "SymNetsDomainLossHook": _PAIR + "SymNetsHook",
    "SymNetsEntropyHook": _PAIR + "SymNetsHook",
    "SymNetsCHook": _PAIR + "SymNetsHook",
    "SymNetsGHook": _PAIR + "SymNetsHook",
    "RTNLogitsHook": "the classification loss of RTNHook, without its alignment; runs inside RTNHook",
    "DomainLossHook": _DOMAIN + "DANNHook and GANHook",
    "CDANDomainHookD": _DOMAIN + "CDANHook",
    "CDANDomainHookG": _DOMAIN + "CDANHook",
    "BaseLossHook": "base class of AFNHook, BNMHook and their like",
    "ResidualHook": _OUTPUT,
    "FeaturesHook": _OUTPUT,
    "LogitsHook": _OUTPUT,
    "DLogitsHook": _OUTPUT,
    "FeaturesAndLogitsHook": _OUTPUT,
    "FeaturesForDomainLossHook": _OUTPUT,
    "FeaturesWithGradAndDetachedHook": _OUTPUT,
    "CombinedFeaturesHook": _OUTPUT,
    "SoftmaxHook": _OUTPUT,
    "FrozenModelHook": _PLUMBING,
    "GradientReversalHook": _REVERSES,
    "GradientReversalLocallyHook": _REVERSES,
    "SoftmaxGradientReversalHook": _REVERSES,
    "SoftmaxGradientReversalLocallyHook": _REVERSES,
    "EntropyReducer": _REDUCER,
    "MeanReducer": _REDUCER,
    "MultipleReducers": _REDUCER,
    "StrongDHook": "a condition of ADDAHook, no loss",
    "TrueHook": _PLUMBING,
    "FalseHook": _PLUMBING,
    "EmptyHook": _PLUMBING,
    "ApplyToListHook": _PLUMBING,
    "AssertHook": _PLUMBING,
    "ChainHook": _PLUMBING,
    "ParallelHook": _PLUMBING,
    "RepeatHook": _PLUMBING,
    "validate_hook": "a function that checks hooks, no hook",
}


def runnable(*, losses: bool) -> list[str]:
    """Return the hooks that run: the losses beside the task, or the algorithms.

    Example:
        >>> "BNMHook" in runnable(losses=True), "CDANHook" in runnable(losses=True)
        (True, False)
    """
    return [name for name, hook in HOOKS.items() if hook.is_loss == losses]
