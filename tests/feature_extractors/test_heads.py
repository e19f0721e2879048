"""Extractor and head together: the contract of every mode, variant and fusion."""

from itertools import product

import pytest
import torch
from torch import nn

from feature_extractors import HEADS, Frames, LinearHead, MultiTIM, TemporalHead

MODES = ("plain", "add", "conv", "attention", "add_attention", "se", "diff", "bidiff")
VARIANTS = ("plain", "bottleneck", "inception", "simple")
FUSIONS = ("weight", "linear", "conv", "mean", "attention")
RESIDUALS = ("mul", "add", "tcn")
ATTENTIONS = ("multi_head", "aft_local", "aft_simple", "se")
# Every mode on both sides and every value of the other options, a sample of their product.
COMBINATIONS = [
    (mode, MODES[(i + shift) % 8], VARIANTS[i % 4], FUSIONS[(i + 2 * shift) % 5], RESIDUALS[i % 3], ATTENTIONS[i % 4])
    for shift, (i, mode) in product((0, 3), enumerate(MODES))
]
NOTES = [
    ("attention", "diff"),
    ("attention", "plain"),
    ("plain", "plain"),
    ("plain", "diff"),
    ("add", "diff"),
    ("add", "conv"),
    ("add", "se"),
    ("se", "se"),
    ("add", "add"),
    ("attention", "bidiff"),
]


class Model(nn.Module):
    def __init__(self, universal, specific, variant="plain", fusion="linear", residual="mul", attention="multi_head"):
        super().__init__()
        shared = {"variant": variant, "residual": residual, "attention": attention, "width": 32}
        self.extractor = MultiTIM(in_channels=13, filters=9, blocks=2, mode=universal, **shared)
        self.head = TemporalHead(
            in_features=self.extractor.dim,
            in_scales=self.extractor.num_scales,
            classes=4,
            blocks=2,
            mode=specific,
            fusion=fusion,
            **shared,
        )

    def forward(self, x, lengths=None):
        return self.head(self.extractor(x, lengths))


def trained(*options):
    """A model in evaluation whose normalisations are not the identity, as after training."""
    torch.manual_seed(0)
    model = Model(*options)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm1d):
            nn.init.normal_(norm.running_mean, std=0.3)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.normal_(norm.bias, std=0.3)
    return model.eval()


# Heads that normalise what they take in, or see nothing but differences of it, do not see an extractor's last offset.
UNSEEN_BY_SOME_HEADS = {"extractor.stack.project_out.norm.bias"}


def without_gradient(model):
    """Names of parameters without one, in double precision, where rounding is no gradient."""
    logits = model.double()(torch.randn(6, 13, 30).double(), torch.tensor([30, 30, 21, 17, 30, 25]))
    assert logits.shape == (6, 4)
    nn.functional.cross_entropy(logits, torch.arange(6) % 4).backward()
    return {name for name, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12}


@pytest.mark.parametrize("options", COMBINATIONS, ids="-".join)
def test_gradient_reaches_every_parameter(options):
    torch.manual_seed(0)
    assert without_gradient(Model(*options)) <= UNSEEN_BY_SOME_HEADS


@pytest.mark.parametrize("pair", list(product(MODES, MODES)), ids="+".join)
def test_gradient_reaches_every_parameter_of_every_pair_of_modes(pair):
    torch.manual_seed(0)
    assert without_gradient(Model(*pair)) <= UNSEEN_BY_SOME_HEADS


def test_the_final_model_has_no_parameter_without_gradient():
    torch.manual_seed(0)
    assert without_gradient(Model("attention", "diff")) == set()


@pytest.mark.parametrize("options", COMBINATIONS, ids="-".join)
def test_padding_of_a_clip_never_changes_its_logits(options):
    model, x = trained(*options), torch.randn(3, 13, 40)
    lengths = [40, 23, 1]
    padded = model(x, torch.tensor(lengths))
    for n, length in enumerate(lengths):
        alone = model(x[n : n + 1, :, :length])
        torch.testing.assert_close(padded[n : n + 1], alone, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("options", COMBINATIONS[::3], ids="-".join)
def test_order_of_the_batch_does_not_matter_and_evaluation_is_deterministic(options):
    model, x = trained(*options), torch.randn(3, 13, 30)
    lengths, order = torch.tensor([30, 11, 19]), torch.tensor([2, 0, 1])
    logits = model(x, lengths)
    assert torch.equal(model(x, lengths), logits)
    torch.testing.assert_close(model(x[order], lengths[order]), logits[order], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pair", NOTES, ids="+".join)
def test_every_pair_of_modes_in_the_notes_takes_two_lengths_with_the_same_weights(pair):
    model = trained(*pair)
    assert model(torch.randn(2, 13, 313)).shape == model(torch.randn(2, 13, 188)).shape == (2, 4)


def test_training_statistics_do_not_see_the_padding():
    x, lengths = torch.randn(3, 13, 30), torch.tensor([30, 12, 20])
    buffers = []
    for filling, extra in ((0.0, 0), (1e3, 9)):
        torch.manual_seed(0)
        model = Model("attention", "bidiff", "plain", "conv")
        x[1, :, 12:] = filling
        model(nn.functional.pad(x, (0, extra), value=filling), lengths)
        buffers.append({name: buffer.clone() for name, buffer in model.named_buffers()})
    for name, buffer in buffers[0].items():
        torch.testing.assert_close(buffers[1][name], buffer, atol=1e-6, rtol=1e-5, msg=name)


def test_universal_and_specific_stacks_share_one_row_of_dilations():
    model = MultiTIM(in_channels=13, blocks=3, mode="plain")
    head = TemporalHead(in_features=39, in_scales=3, classes=2, blocks=5)
    dilations = [block.body[0].conv.dilation[0] for stack in (model.stack, head.stack) for block in stack.blocks]
    assert dilations == [2**i for i in range(8)]


@pytest.mark.parametrize("kind", HEADS)
def test_the_steps_of_a_head_make_its_logits(kind):
    extractor = MultiTIM(in_channels=13, blocks=2, width=16).eval()
    head = HEADS[kind](in_features=39, in_scales=2, classes=4).eval()
    frames = extractor(torch.randn(2, 13, 30), torch.tensor([30, 20]))
    logits, specific = head(frames), head.specific(frames)
    assert isinstance(specific, Frames)
    assert specific.features.shape == (2, 39, 30)
    assert specific.features[1, :, 20:].abs().sum() == 0
    torch.testing.assert_close(head.classify(specific), logits)
    torch.testing.assert_close(head.embed(frames), head.pool(specific))
    if kind != "linear_svm":  # whose linear functions are of pairs of classes, and vote
        torch.testing.assert_close(head.classifier(head.embed(frames)), logits)


def test_all_scales_of_both_stacks_enter_the_fusion():
    model = trained("attention", "diff")
    frames = model.extractor(torch.randn(2, 13, 30))
    specific = model.head.specific(frames)
    assert torch.equal(specific.scales[..., :2], frames.scales)
    assert torch.equal(specific.scales[..., -1], specific.features)
    fused = model.head.norm(model.head.fusion(specific.scales))
    torch.testing.assert_close(model.head.embed(frames), fused.mean(-1))


@pytest.mark.parametrize("kind", HEADS)
def test_logits_are_not_probabilities(kind):
    head = HEADS[kind](in_features=39, classes=4)
    logits = head(Frames(torch.randn(5, 39, 30), torch.full((5,), 30)))
    assert (logits < 0).any()
    assert not torch.allclose(logits.sum(1), torch.ones(5))
    assert isinstance(head.classifier, nn.Linear)
    assert not any(isinstance(m, nn.Softmax | nn.LogSoftmax) for m in head.modules())


@pytest.mark.parametrize("fusion", [None, *FUSIONS])
def test_linear_head_takes_features_or_fused_scales(fusion):
    head = LinearHead(in_features=39, in_scales=2, classes=4, fusion=fusion, norm=True).eval()
    frames = MultiTIM(in_channels=13, blocks=2, width=16).eval()(torch.randn(2, 13, 30), torch.tensor([30, 20]))
    fused = frames.features if fusion is None else head.fusion(frames.scales, frames.valid())
    expected = torch.stack([head.norm(fused)[n, :, :length].mean(-1) for n, length in enumerate((30, 20))])
    torch.testing.assert_close(head.embed(frames), expected, atol=1e-5, rtol=1e-4)


def test_heads_without_scales_work_and_wrong_scales_are_refused():
    plain = Frames(torch.randn(2, 39, 30), torch.tensor([30, 12]))
    assert TemporalHead(in_features=39, classes=4, blocks=2)(plain).shape == (2, 4)
    with pytest.raises(ValueError, match="have no scales"):
        TemporalHead(in_features=39, in_scales=3, classes=4, blocks=2)(plain)
    with pytest.raises(ValueError, match="have 2 scales; this head was built with in_scales=3"):
        TemporalHead(in_features=39, in_scales=3, classes=4)(plain._replace(scales=torch.randn(2, 39, 30, 2)))
    with pytest.raises(ValueError, match="needs scales"):
        LinearHead(in_features=39, classes=4, fusion="weight")
    with pytest.raises(ValueError, match="classes is 0"):
        LinearHead(in_features=39, classes=0)


def test_model_compiles_without_graph_breaks_and_exports():
    torch._dynamo.reset()
    model, x, lengths = trained("attention", "bidiff"), torch.randn(3, 13, 20), torch.tensor([20, 9, 1])
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), model(x))
    torch.testing.assert_close(compiled(x, lengths), model(x, lengths))
    exported = torch.export.export(model, (x, lengths)).module()
    shorter = torch.tensor([4, 20, 5])
    torch.testing.assert_close(exported(x, shorter), model(x, shorter))


def test_a_head_says_what_it_wants():
    with pytest.raises(TypeError, match=r"was given a Tensor; expected the Frames of an extractor"):
        LinearHead(in_features=3, classes=2)(torch.randn(2, 3, 5))
