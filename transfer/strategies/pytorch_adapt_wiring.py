"""What a hook of pytorch-adapt finds in its context: models built around ours, and two batches.

Axis letters: n slices, C channels, t frames, d width of features, K classes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transfer.data.domain import Batch
from transfer.errors import RecipeError
from transfer.strategies.base import Setting
from transfer.strategies.levels import Level, Pooling, width
from transfer.strategies.pytorch_adapt_hooks import HOOKS
from transfer.strategies.pytorch_adapt_models import (
    Bridged,
    Carrying,
    Combined,
    Combiner,
    Discriminator,
    Features,
    Logits,
    Pair,
    Stochastic,
    second_of,
)
from transfer.strategies.pytorch_adapt_options import library, named_hooks

__all__ = ["Wiring"]

LARGEST_PRODUCT = 4096  # features x predictions wider than this are projected at random (Long et al., NeurIPS 2018)
PROJECTED = 1024

Placed = TypeVar("Placed", bound=nn.Module)


class Wiring:
    """The models of a hook, and the context of a training step.

    Args:
        setting: model and corpora.
        hook: its name.
        options: of the hook.
        level: what it sees as features.
        pooling: of their frames.
        stochastic: draw the two classifiers.
        hidden: width of the discriminator.

    Raises:
        RecipeError: where heads, classes, pretraining or labels do not suit the hook.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        hook: str,
        options: Mapping[str, Any],
        level: Level,
        pooling: Pooling,
        stochastic: bool,
        hidden: int,
    ) -> None:
        self.setting, self.hook, self.spec, self.options = setting, hook, HOOKS[hook], options
        self.named = list(named_hooks(hook, options))
        self._check()
        target, model = setting.domains[setting.target], setting.model
        frames = max(domain.features.shape[-1] for domain in setting.domains.values())
        any_rows = target.pools["any"]
        self.position = torch.zeros(len(target.lengths), dtype=torch.int64)  # of a slice among those that are drawn
        self.position[any_rows] = torch.arange(len(any_rows))
        self.sizes = {
            "dataset_size": len(any_rows),
            "feature_dim": width(model, setting.target, level, pooling, frames),
            "num_classes": len(target.classes),
        }
        self.source_extractor = copy.deepcopy(model.extractor) if "copy" in self.spec.further else None
        self.classifiers = self._classifiers(stochastic)
        self.discriminator = self._discriminator(hidden) if self.spec.discriminator else None
        features = Features(model, level, pooling, frames)
        source = (
            features
            if self.source_extractor is None
            else Features(model, level, pooling, frames, self.source_extractor)
        )
        self.logits = self._logits(level)
        self.models: dict[str, Any] = {"G": source, "T": features, "C": self.logits, "D": self.discriminator}
        self.models |= {"feature_combiner": self._combiner(), "combined_model": Combined(model, features, self.logits)}
        if self.classifiers is not None and "residual" in self.classifiers:
            self.models["residual_model"] = self.classifiers["residual"]

    def context(self, corpus: str, source: Batch, target: Batch, one_hot: bool) -> dict[str, Any]:
        """Return what the hook is called with, both batches cut to the slices of the smaller: some losses pair them.

        Args:
            corpus: the source's name.
            source: a labelled batch.
            target: a batch without labels.
            one_hot: give labels as rows (n, K) instead of indices (n,).
        """
        n = min(len(source.lengths), len(target.lengths))
        labels = F.one_hot(source.labels[:n], self.sizes["num_classes"]) if one_hot else source.labels[:n]
        zeros = torch.zeros(n, device=labels.device)
        return {
            **self.models,
            "src_imgs": clips(corpus, source, n),
            "src_labels": labels,
            "src_domain": zeros,
            "src_sample_idx": source.rows[:n],
            "target_imgs": clips(self.setting.target, target, n),
            "target_domain": zeros + 1,
            "target_sample_idx": self.position.to(labels.device)[target.rows[:n]],
        }

    def predict(self, corpus: str, batch: Batch) -> list[Tensor]:
        """Return the logits (n, K) of each of the classifiers."""
        logits = self.logits(self.models["T"](clips(corpus, batch, len(batch.lengths))))
        return logits if isinstance(logits, list) else [logits]

    @torch.no_grad()
    def settle(self) -> None:
        """End a hook's turn: let the head's BatchNorm see the target where the hook looked at its features alone.

        The target would else be tested with the statistics that its head was built with.
        """
        features, target = self.models["T"], self.setting.target
        if target in features.passed and target not in self.logits.seen:
            self.logits(features.passed[target])
        features.passed.clear()
        self.logits.seen.clear()

    def start(self) -> None:
        """Let copies of our model's parts begin where those are now."""
        s = self.setting
        if self.source_extractor is not None:
            if s.model.statistics is not None:
                s.model.statistics.use(s.sources[0], training=False)
            self.source_extractor.load_state_dict(s.model.extractor.state_dict())
        if isinstance(self.logits, Bridged):
            self.logits.start(s.model.head(s.target).classifier)  # type: ignore[arg-type]

    def fold(self) -> None:
        """Let our model hold what was trained beside it."""
        if isinstance(self.logits, Bridged):
            self.logits.fold(self.setting.model.head(self.setting.target).classifier)  # type: ignore[arg-type]

    def _logits(self, level: Level) -> Logits:
        """Build C."""
        model, own = self.setting.model, self.classifiers or nn.ModuleDict()
        if "deviation" in own:
            return Stochastic(model, level, own["deviation"])  # type: ignore[arg-type]
        if "second" in own:  # SymNets tests on the second, which is then ours
            return Pair(model, level, own["second"], ours=int(self.hook == "SymNetsHook"))
        if "bridge" in own:
            return Bridged(model, level, own["own"], own["bridge"])  # type: ignore[arg-type]
        return Logits(model, level)

    def _classifiers(self, stochastic: bool) -> nn.ModuleDict | None:
        """Build what C trains beside our head."""
        head: Any = self.setting.model.head(self.setting.target)
        layer, found = head.classifier, dict[str, nn.Module]()
        if self.spec.classifier == "pair":
            found = {"deviation": second_of(layer)} if stochastic else {"second": second_of(head)}
        if self.spec.classifier == "bridge":
            found = {"own": copy.deepcopy(layer), "bridge": second_of(layer)}
        if "residual" in self.spec.further:
            k = self.sizes["num_classes"]
            residual = nn.Sequential(nn.Linear(k, k), nn.ReLU(), nn.Linear(k, k))
            found["residual"] = library("layers").PlusResidual(residual)
        return self._placed(nn.ModuleDict(found)) if found else None

    def _combiner(self) -> nn.Module:
        """Build the product of features and predictions."""
        d, k = self.sizes["feature_dim"], self.sizes["num_classes"]
        if d * k <= LARGEST_PRODUCT:
            return Combiner()
        product: nn.Module = library("layers").RandomizedDotProduct([d, k], PROJECTED)
        return self._placed(product)

    def _discriminator(self, hidden: int) -> nn.Module:
        """Build D for what it looks at."""
        d, k = self.sizes["feature_dim"], self.sizes["num_classes"]
        combined = d * k if d * k <= LARGEST_PRODUCT else PROJECTED
        looks_at = "logits" if self.options.get("use_logits") else self.spec.discriminator
        seen = {"features": d, "logits": k, "combined": combined}[looks_at]
        made: nn.Module = Discriminator(seen, hidden, 2 if "two outputs" in self.spec.further else 1)
        if "bridge" in self.spec.further:
            made = library("layers").ModelWithBridge(made)
        return self._placed(made)

    def _placed(self, module: Placed) -> Placed:
        """Put a module where the data are."""
        return module.to(self.setting.domains[self.setting.target].device)

    def _check(self) -> None:
        """Refuse heads, classes, pretraining, statistics and labels that do not suit the hook."""
        s, name, p = self.setting, self.hook, self.setting.pretraining
        if len({domain.classes for domain in s.domains.values()}) > 1 and (compares := self._compares()):
            listed = "; ".join(f"{corpus}: {', '.join(domain.classes)}" for corpus, domain in s.domains.items())
            raise RecipeError(
                f"strategy.hook: {compares} compares predictions of source and target, which needs the same classes in all "
                f"corpora ({listed}); set `labels: shared`, or choose a hook that looks at features"
            )
        if self.spec.classes == "shared" and len({s.model.shares.get(c, c) for c in s.domains}) > 1:
            raise RecipeError(f"strategy.hook: {name} builds on one head for all corpora; set `heads: shared`")
        if self.spec.pretrained == "extractor" and not (p.epochs or p.checkpoint):
            raise RecipeError(f"strategy.hook: {name} needs a trained extractor; set pretraining.epochs or .checkpoint")
        if self.spec.pretrained == "all" and (p.checkpoint or not p.epochs):
            raise RecipeError(
                f"strategy.hook: {name} leaves the source's head as it finds it, and needs one that is trained; "
                "set pretraining.epochs, without a checkpoint"
            )
        if not self.spec.trains and (s.supervised or s.model.statistics is None):
            raise RecipeError(
                f"strategy.hook: {name} trains nothing, it moves BatchNorm statistics of each corpus; "
                "set target.labelled_speakers: none and batch_statistics: corpus"
            )

    def _compares(self) -> str:
        """Return which hook needs the same classes in all corpora, or ''."""
        for name, options in self.named:
            of_logits = options.get("use_logits") or options.get("layer") == "logits"
            if HOOKS[name].classes != "any" or of_logits:
                return name
        return ""


def clips(corpus: str, batch: Batch, n: int) -> Carrying:
    """Return the first n slices of a batch, (n, C, t), with corpus and lengths."""
    return Carrying.of(batch.features[:n], (corpus, batch.lengths[:n]))
