"""Several processes give what one gives with the same batches: terms, gradients, statistics, and the model they end with."""

import os

import pytest
import torch

from feature_extractors.batch_norm import MaskedBatchNorm1d
from tests.processes import BY_ITSELF, together
from transfer.data.domain import HIDDEN
from transfer.errors import RecipeError
from transfer.shards import Shards, average, share_rows
from transfer.strategies import STRATEGIES
from transfer.strategies.pytorch_adapt_hooks import HOOKS

pytestmark = BY_ITSELF
CLOSE = {"rtol": 1e-4, "atol": 1e-6}  # float32 sums in another order, over two epochs of SGD
SLOW = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1 to run")
OPTIONS = {
    "alignment": {"losses": [{"name": "mmd", "level": "specific"}, {"name": "dann", "weight": 0.3}]},
    "ddg": {"every": 1, "steps": 2},
    "ae": {"every": 1, "steps": 2},
    "semi": {"confidence": 0.5, "teacher": "ema"},
    "self_training": {"warmup": 0.0},
}
SAMPLE = ("scratch", "mmd", "ddg", "meta")
HOOKED = [f"pytorch_adapt:{hook}" for hook in HOOKS if hook != "AdaBNHook"]  # which takes no step
APART = ("pytorch_adapt",)  # named by its hooks
REST = [name for name in [*STRATEGIES, *HOOKED] if name not in (*SAMPLE, *APART)]


@pytest.fixture
def trained(attached, domain, train):
    """Return a function that trains a strategy as one of several processes and returns its state and what it logged."""

    def run(name, rank=0, world=1, *, dropout=0.0):
        strategy, _, hook = name.partition(":")
        options = {"hook": hook or "DANNHook"} if strategy == "pytorch_adapt" else OPTIONS.get(strategy, {})
        pretrained = STRATEGIES[strategy].pretrains or (hook and HOOKS[hook].pretrained)
        recipe = {
            "extractor": {"name": "multi_tim", "mode": "plain", "blocks": 2, "filters": 13, "dropout": dropout},
            "head": {"name": "temporal", "blocks": 2, "dropout": dropout},
            "training": {"epochs": 2, "batch_size": 9, "optimizer": {"name": "sgd", "lr": 0.02}},
            **({"pretraining": {"epochs": 1}} if pretrained else {}),
        }
        corpora = {"a": domain("a", seed=1), "b": domain("b", frames=56, seed=2)}
        if strategy in ("semi", "self_training"):
            corpora["b"].pools["labelled"] = corpora["b"].pools["labelled"][:8]
            corpora["b"].labels[8:] = HIDDEN
        own = attached(strategy, recipe=recipe, domains=corpora, labelled=not hook, **options)
        own.setting.model.shards = Shards(rank, world) if world > 1 else None
        torch.manual_seed(7)
        records = train(own)
        state = {**own.setting.model.state_dict(), **own.state_dict()}
        return {k: v.clone() for k, v in state.items()}, [record.epochs for record in records]

    return run


@pytest.mark.parametrize(
    ("name", "world"),
    [*((name, 2) for name in SAMPLE), *(pytest.param(name, 3, marks=[pytest.mark.slow, SLOW]) for name in REST)],
)
def test_several_processes_end_with_the_model_of_one_at_the_same_batch(name, world, trained, tmp_path):
    one, history = trained(name)
    for state, epochs in together(world, lambda rank: trained(name, rank, world), tmp_path):
        assert state.keys() == one.keys()
        for key, value in one.items():
            torch.testing.assert_close(state[key], value, **CLOSE, msg=lambda text, key=key: f"{key}: {text}")
        for stage, expected in zip(epochs, history, strict=True):
            assert [values.keys() for values in stage] == [values.keys() for values in expected]
            for values, alike in zip(stage, expected, strict=True):
                assert values == pytest.approx(alike, rel=1e-4, abs=1e-6)


def test_dropout_differs_between_shares_and_the_models_stay_the_same(trained, domain, attached, tmp_path):
    def drawn(rank):
        model = attached("scratch").setting.model.train()
        model.shards = Shards(rank, 2)
        clip = domain("b").features[:1].expand(4, -1, -1)
        same, again = (model.universal(clip, torch.full((4,), clip.shape[-1]), "b").features.detach() for _ in range(2))
        return same, again, torch.rand(3), trained("mmd", rank, 2, dropout=0.5)[0]

    (rows, again, common, first), (_, _, other, second) = together(2, drawn, tmp_path)
    assert not torch.equal(rows[0], rows[2]), "clips of one kind in two shares"
    assert not torch.equal(rows, again), "and from pass to pass"
    assert torch.equal(common, other), "what all draw together is drawn alike"
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_gradient_reaches_an_input_through_shares(tmp_path):
    x, weight = torch.randn(5, 3), torch.randn(3)

    def gradient(rank):
        own = x.clone().requires_grad_()
        rows = (
            Shards(rank, 2).compute(lambda part: part.square() @ weight, own) if rank is not None else own**2 @ weight
        )
        return torch.autograd.grad(rows.cumsum(0).square().sum(), own)[0]

    for found in together(2, gradient, tmp_path):
        torch.testing.assert_close(found, gradient(None))


def test_statistics_of_padded_shares_are_those_of_the_batch(tmp_path):
    x, lengths = torch.randn(5, 2, 7), torch.tensor([7, 7, 7, 3, 1])  # the first share is not padded, the second is

    def normalised(rank):
        norm = MaskedBatchNorm1d(2)

        def layer(part, n):
            valid = torch.arange(7) < n[:, None]
            return norm(part * valid[:, None], None if valid.all() else valid)

        out = layer(x, lengths) if rank is None else Shards(rank, 2).compute(layer, x, lengths)
        return out.detach(), norm.running_mean, norm.running_var

    for found in together(2, normalised, tmp_path):
        for value, expected in zip(found, normalised(None), strict=True):
            torch.testing.assert_close(value, expected)


def test_a_batch_too_small_to_share_is_computed_by_all(tmp_path):
    for found in together(3, lambda rank: Shards(rank, 3).compute(torch.exp, torch.ones(2, 1)), tmp_path):
        assert torch.equal(found, torch.ones(2, 1).exp())


@pytest.mark.parametrize("rows", [1, 5, 6, 7])
def test_every_row_is_one_process_s(rows):
    covered = [row for rank in range(3) for row in range(rows)[Shards(rank, 3).own(rows)]]
    assert covered == list(range(rows))


def test_gradients_become_their_mean(tmp_path):
    def mean(rank):
        gradients = [torch.full((2, 2), float(rank)), None, torch.tensor(4.0 * rank)]
        average(gradients)
        return gradients

    for found in together(2, mean, tmp_path):
        assert found[1] is None
        assert (found[0].tolist(), float(found[2])) == ([[0.5, 0.5], [0.5, 0.5]], 2.0)


def test_batch_normalisation_that_sees_its_share_alone_is_refused(attached):
    class Several:
        world_size, global_rank = 2, 0

    model = attached("scratch").setting.model
    model.extractor.norm = torch.nn.BatchNorm1d(13)
    with pytest.raises(RecipeError, match=r"extractor\.norm is BatchNorm1d"):
        share_rows(model, Several())
