"""First-order meta-learning of the starting point over source tasks, then finetuning on the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from transfer.data.domain import Batch
from transfer.data.sampling import BatchStream
from transfer.errors import RecipeError
from transfer.optim import OptimizerPlan
from transfer.recipe import Optimizer
from transfer.shards import average
from transfer.strategies.base import Phase, Setting, Stage
from transfer.strategies.finetune import Finetune

__all__ = ["Meta", "first_order", "pseudo_gradient"]

OUTER_RATES = {"reptile": 1.0, "fomaml": 0.1}
Algorithm = Literal["reptile", "fomaml"]


class Task(NamedTuple):
    """What is adapted to: slices of a corpus, or of one of its speakers."""

    corpus: str
    rows: Tensor


def pseudo_gradient(
    losses: Sequence[Callable[[], Tensor]], parameters: Sequence[nn.Parameter], *, algorithm: Algorithm, lr: float
) -> tuple[list[Tensor], float]:
    """Adapt to a task, and return the direction of the outer step and the loss last seen; the parameters stay as they are.

    From phi, each inner step is phi~ <- phi~ - lr * grad L(phi~). Reptile gives phi - phi~ after all losses; FOMAML gives
    grad L(phi~) of the last one, after steps on those before it.
    References: Nichol et al., On first-order meta-learning algorithms, 2018; Finn et al., MAML, ICML 2017.

    Args:
        losses: the task's loss on each batch, computed when called.
        parameters: phi.
        algorithm: which.
        lr: of the inner steps.

    Example:
        >>> phi = nn.Parameter(torch.tensor(2.0))
        >>> pseudo_gradient([phi.square, phi.square], [phi], algorithm="reptile", lr=0.25)    # 2 -> 1 -> 0.5
        ([tensor(1.5000)], 1.0)
        >>> pseudo_gradient([phi.square, phi.square], [phi], algorithm="fomaml", lr=0.25)     # 2 -> 1, slope 2
        ([tensor(2.)], 1.0)
    """
    start = [p.detach().clone() for p in parameters]
    inner = len(losses) - (algorithm == "fomaml")
    try:
        for i, loss in enumerate(losses):
            value = loss()
            gradients = torch.autograd.grad(value, parameters, allow_unused=True)
            average(gradients)
            slopes = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
            if i < inner:
                _move(parameters, slopes, lr)
        found = slopes if algorithm == "fomaml" else [s - p.detach() for s, p in zip(start, parameters, strict=True)]
    finally:
        with torch.no_grad():
            for p, s in zip(parameters, start, strict=True):
                p.copy_(s)
    return found, value.item()


def first_order(value: float, parameters: Sequence[nn.Parameter], gradient: Sequence[Tensor]) -> Tensor:
    """Return a term that has this value and this gradient.

    Example:
        >>> phi = nn.Parameter(torch.tensor(2.0))
        >>> term = first_order(0.7, [phi], [torch.tensor(3.0)])
        >>> term.backward()
        >>> round(term.item(), 3), phi.grad
        (0.7, tensor(3.))
    """
    slopes = [((p - p.detach()) * g).sum() for p, g in zip(parameters, gradient, strict=True)]
    return torch.stack(slopes).sum() + value


class Meta(Finetune):
    """The start of finetuning is learned by Reptile or first-order MAML, so that a few steps lead to each source task.

    In place of pretraining: each outer step draws `tasks` tasks, adapts to each by `inner_steps` steps of SGD at
    `inner_lr`, and moves extractor and source heads by the mean pseudo-gradient: phi <- phi - outer_lr * mean_i g_i, where
    g_i is phi - phi~_i (reptile) or the gradient of another batch at phi~_i (fomaml). A task is a source corpus, or a
    speaker where there is one corpus alone. Then the target is learned as by `finetune`.
    References: Nichol et al., 2018; Finn et al., ICML 2017.

    Args:
        algorithm: `reptile` or `fomaml`.
        inner_steps: of SGD on a task.
        inner_lr: its rate.
        outer_lr: of the outer step; by default 1 for reptile and 0.1 for fomaml.
        tasks: of an outer step; all where there are fewer.
        factor: on the extractor's learning rate in finetuning.
        layer_decay: further factor for each layer away from the extractor's output.
        unfreeze_every: epochs between the unfreezing of one layer and the next; 0 has all learn from the start.

    Example:
        >>> Meta(algorithm="fomaml").outer_lr
        0.1
    """

    def __init__(
        self,
        *,
        algorithm: Algorithm = "reptile",
        inner_steps: int = 5,
        inner_lr: float = 0.05,
        outer_lr: float | None = None,
        tasks: int = 4,
        factor: float = 0.1,
        layer_decay: float = 1.0,
        unfreeze_every: int = 0,
    ) -> None:
        super().__init__(factor=factor, layer_decay=layer_decay, unfreeze_every=unfreeze_every)
        self.outer_lr = OUTER_RATES[algorithm] if outer_lr is None else outer_lr
        if min(inner_steps, tasks) < 1 or inner_lr <= 0 or self.outer_lr <= 0:
            raise RecipeError(
                "strategy meta: expected inner_steps, tasks >= 1 and inner_lr, outer_lr > 0, got "
                f"{inner_steps}, {tasks}, {inner_lr} and {outer_lr}"
            )
        self.algorithm, self.inner_steps, self.inner_lr, self.tasks_drawn = algorithm, inner_steps, inner_lr, tasks

    def attach(self, setting: Setting) -> None:
        """Find the tasks.

        Raises:
            RecipeError: where a checkpoint would take the place of what is to be learned.
        """
        super().attach(setting)
        if setting.pretraining.checkpoint:
            raise RecipeError(
                "strategy meta learns its own start: set pretraining.epochs in place of pretraining.checkpoint, or choose finetune"
            )
        self.tasks = _tasks(setting)

    def _pretraining_stage(self) -> Stage:
        """Learn extractor and source heads over the tasks."""
        stage, s = super()._pretraining_stage(), self.setting
        plan = stage.optimizers["main"]
        outer = Optimizer(name="sgd", lr=self.outer_lr, momentum=0.0, weight_decay=0.0)
        named = {f"heads.{s.model.shares.get(task.corpus, task.corpus)}" for task in self.tasks}
        modules = [s.model.extractor, *(s.model.get_submodule(name) for name in sorted(named))]
        self.learned = [p for module in modules for p in module.parameters()]
        self.generator = torch.Generator().manual_seed(s.training.seed)
        size = stage.settings.batch_size
        self.streams = [BatchStream(task.rows, size, self.generator) for task in self.tasks]
        seen = min(self.tasks_drawn, len(self.tasks)) * self.inner_steps * size  # slices of an outer step
        steps = -(-sum(len(task.rows) for task in self.tasks) // seen)  # an epoch is one pass, as of pretraining
        phase = Phase("meta", (), self._terms, steps=steps)
        optimizer = OptimizerPlan(outer, plan.modules, schedule=plan.schedule)
        return Stage(stage.name, stage.epochs, lambda epoch: [phase], {"main": optimizer}, stage.settings)

    def progress(self) -> dict[str, Any]:
        """Return where the streams of the tasks are; their generator is one."""
        return {"streams": [stream.state() for stream in self.streams]} if hasattr(self, "streams") else {}

    def restore_progress(self, state: Mapping[str, Any]) -> None:
        """Put the streams where they were."""
        for stream, own in zip(self.streams, state.get("streams", ()), strict=False):
            stream.restore(own)

    def _terms(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return, for an outer step, the loss after adaptation with the pseudo-gradient as its gradient."""
        drawn = torch.randperm(len(self.tasks), generator=self.generator)[: self.tasks_drawn].tolist()
        terms = [
            first_order(value, self.learned, gradient) for gradient, value in (self._adapted(index) for index in drawn)
        ]
        return {"task": torch.stack(terms).mean()}

    def _adapted(self, index: int) -> tuple[list[Tensor], float]:
        """Return pseudo-gradient and loss of a task."""
        corpus, stream = self.tasks[index].corpus, self.streams[index]

        def loss() -> Tensor:
            batch, augment = self.setting.domains[corpus].batch(stream.draw()), self.setting.augmenter
            return self.task(corpus, batch if augment is None else augment(batch, corpus, "labelled"))

        batches = self.inner_steps + (self.algorithm == "fomaml")
        return pseudo_gradient([loss] * batches, self.learned, algorithm=self.algorithm, lr=self.inner_lr)


def _tasks(setting: Setting) -> list[Task]:
    """Return the source corpora, or the speakers of the only one."""
    domains = [setting.domains[name] for name in setting.sources]
    if len(domains) > 1:
        return [Task(domain.name, domain.pools["labelled"]) for domain in domains]
    (domain,) = domains
    rows = domain.pools["labelled"]
    speakers = domain.table["speaker"].iloc[rows.numpy()].to_numpy()
    return [Task(domain.name, rows[torch.from_numpy(speakers == name)]) for name in sorted(set(speakers))]


@torch.no_grad()
def _move(parameters: Sequence[nn.Parameter], gradient: Sequence[Tensor], lr: float) -> None:
    """Take a step of gradient descent."""
    for p, g in zip(parameters, gradient, strict=True):
        p.sub_(g, alpha=lr)
