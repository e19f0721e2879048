"""What holds for every loss in the table: one contract, run over all of them."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import losses
from losses import LOSSES

ROOT = Path(__file__).parents[2]
N, M, D, K = 6, 4, 5, 3
# Constructor arguments where there must be some, and what the forward pass takes beside tensors made by its names.
OPTIONS = {
    "dann": {"in_features": D, "hidden": 8},
    "wasserstein_critic": {"in_features": D, "hidden": 8},
    "cdan": {"in_features": D, "classes": K, "hidden": 8},
    "mdd": {"in_features": D, "classes": K, "hidden": 8},
}
# Autograd is not the slope of the value: it is reversed, the value is constant by definition (afn), weights are
# constants in the gradient (mcc), or the gradient is that of the last step of an iteration (sinkhorn). Their own tests
# have references for them.
NO_SLOPE = {"dann", "wasserstein_critic", "cdan", "mdd", "afn", "mcc", "sinkhorn"}
# Medians, random directions and interpolates move with the input or the call.
GRADCHECK_OPTIONS = {name: {"bandwidth": 2.0} for name in ("mmd", "linear_mmd", "jmmd", "lmmd")} | {
    "hausdorff": {"blur": 1.0},
}
EQUAL_IS_ZERO = {
    "mmd",
    "linear_mmd",
    "jmmd",
    "cmd",
    "coral",
    "energy",
    "sinkhorn",
    "hausdorff",
    "sliced_wasserstein",
} | {"moment_matching"}
ALIGNMENT = EQUAL_IS_ZERO | {"afn", "bsp"}


def build(name, **options):
    torch.manual_seed(0)
    return LOSSES[name](**OPTIONS.get(name, {}), **options)


def inputs(name, n=N, m=M, dtype=torch.float64, scale=1.0, shift=0.0, seed=0):
    """Tensors for the forward pass of a loss, by the names of its parameters."""
    generator = torch.Generator().manual_seed(seed)

    def features(rows, width=D):
        return (torch.randn(rows, width, generator=generator, dtype=torch.float64) * scale + shift).to(dtype)

    made = {}
    for parameter in inspect.signature(LOSSES[name].forward).parameters.values():
        rows = m if parameter.name.startswith("target") else n
        if name in ("ccc", "reconstruction") and parameter.name in ("prediction", "target"):
            made[parameter.name] = features(n)
        elif name == "jmmd" and parameter.name in ("source", "target"):
            made[parameter.name] = [features(rows), features(rows, 2)]
        elif parameter.name in ("source", "target"):
            made[parameter.name] = features(rows)
        elif parameter.name.endswith("logits"):
            made[parameter.name] = features(rows, K)
        elif parameter.name.endswith("labels"):
            made[parameter.name] = torch.arange(rows) % K
    return made


def leaves(made):
    """The floating-point tensors among the inputs, as leaves that collect a gradient."""
    tensors = [tensor for value in made.values() for tensor in (value if isinstance(value, list) else [value])]
    return [tensor.requires_grad_() for tensor in tensors if tensor.is_floating_point()]


def gradients(loss, made, autocast=False):
    wanted = leaves(made)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = loss(**made)
    return value, torch.autograd.grad(value, wanted, allow_unused=True)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_documented_and_public(name):
    kind = LOSSES[name]
    assert kind.__name__ in losses.__all__
    assert issubclass(kind, nn.Module)
    assert "Example:" in kind.__doc__
    assert "Shape:" in kind.__doc__


@pytest.mark.parametrize("name", LOSSES)
def test_constructor_takes_options_by_keyword_only(name):
    parameters = list(inspect.signature(LOSSES[name]).parameters.values())
    positional = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert positional == [n for n in ("in_features", "classes") if n in OPTIONS.get(name, {})]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("n", "m"), [(6, 4), (4, 6), (1, 3), (3, 1), (1, 1)])
def test_loss_is_a_finite_scalar_for_unequal_batches_and_batches_of_one(name, n, m):
    loss = build(name)
    if OPTIONS.get(name):
        loss.double()
    value, grads = gradients(loss, inputs(name, n, m))
    assert value.shape == ()
    assert value.dtype == torch.float64
    assert value.isfinite()
    assert all(g is None or g.isfinite().all() for g in grads)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e4, 1e6])
@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("mode", ["float32", "autocast", "bfloat16"])
def test_no_nan_for_equal_points_or_huge_norms_in_any_precision(name, scale, shift, mode):
    made = inputs(name, dtype=torch.bfloat16 if mode == "bfloat16" else torch.float32, scale=scale, shift=shift)
    value, grads = gradients(build(name), made, autocast=mode == "autocast")
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert all(g is None or (g.isfinite().all() and g.dtype == made_dtype(mode)) for g in grads)


def made_dtype(mode):
    return torch.bfloat16 if mode == "bfloat16" else torch.float32


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"dann", "wasserstein_critic", "cdan", "mdd"}))
def test_autocast_changes_nothing(name):
    made = inputs(name, dtype=torch.float32)
    torch.manual_seed(1)
    plain, plain_grads = gradients(build(name), made)
    torch.manual_seed(1)
    cast, cast_grads = gradients(build(name), made, autocast=True)
    assert torch.equal(plain, cast)
    for a, b in zip(plain_grads, cast_grads, strict=True):
        assert (a is None and b is None) or torch.equal(a, b)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - NO_SLOPE))
def test_gradient_is_the_slope_of_the_value(name):
    loss = build(name, **GRADCHECK_OPTIONS.get(name, {}))
    made = inputs(name)
    if name == "lmmd":
        made["target_logits"] = made["target_logits"].float()  # they weigh, as constants
    free = [tensor for tensor in leaves(made) if tensor.dtype == torch.float64]

    def value(*_):
        torch.manual_seed(2)  # the same random directions at each call
        return loss(**made)

    assert torch.autograd.gradcheck(value, free)


@pytest.mark.parametrize("name", sorted(EQUAL_IS_ZERO))
def test_equal_samples_cost_nothing(name):
    made = inputs(name, dtype=torch.float32)
    assert LOSSES[name]()(made["source"], made["source"]).abs() < 2e-5


@pytest.mark.parametrize("name", sorted(ALIGNMENT))
def test_alignment_is_symmetric(name):
    made = inputs(name)
    values = []
    for pair in ((made["source"], made["target"]), (made["target"], made["source"])):
        torch.manual_seed(3)
        values.append(LOSSES[name]()(*pair))
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("name", sorted(ALIGNMENT - {"linear_mmd"}))
def test_order_of_rows_does_not_matter(name):
    made = inputs(name)

    def shuffled(value):
        rows = torch.randperm(len(value[0] if isinstance(value, list) else value))
        return [layer[rows] for layer in value] if isinstance(value, list) else value[rows]

    torch.manual_seed(4)
    moved = [shuffled(made["source"]), shuffled(made["target"])]
    values = []
    for pair in ((made["source"], made["target"]), moved):
        torch.manual_seed(3)
        values.append(LOSSES[name]()(*pair))
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("name", sorted(ALIGNMENT))
def test_wrong_shapes_are_refused_with_a_reason(name):
    if name == "jmmd":
        pytest.skip("takes lists; see test_jmmd.py")
    for pair in ((torch.rand(3, 4), torch.rand(3, 5)), (torch.rand(3, 4, 2), torch.rand(3, 4, 2))):
        with pytest.raises(ValueError, match=r"source has shape .*; expected"):
            LOSSES[name]()(*pair)
    with pytest.raises(ValueError, match="at least one row"):
        LOSSES[name]()(torch.rand(0, 4), torch.rand(3, 4))


@pytest.mark.parametrize("name", LOSSES)
def test_loss_survives_its_state_dict_and_a_copy(name):
    first, second = build(name), build(name)
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(1)
    second.load_state_dict(first.state_dict())
    made = inputs(name, dtype=torch.float32)
    values = []
    for loss in (first, second):
        torch.manual_seed(5)
        values.append(loss.eval()(**made))
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_gpu_agrees_with_cpu(name):
    made = inputs(name)
    if name == "sliced_wasserstein":
        pytest.skip("the directions are drawn on the device")
    loss = build(name).double()
    here = loss(**made)
    there = loss.cuda()(**{k: [x.cuda() for x in v] if isinstance(v, list) else v.cuda() for k, v in made.items()})
    if name != "wasserstein_critic":
        torch.testing.assert_close(here, there.cpu())


TORCH_ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"geomloss", "numpy", "scipy", "sklearn", "pandas", "torchaudio", "lightning_fabric",
                                  "pytorch_adapt", "transfer", "feature_extractors"}:
            raise ModuleNotFoundError(f"{name} is not there")

sys.meta_path.insert(0, Refuse())
import torch
from losses import LOSSES, MMD

MMD()(torch.rand(4, 3), torch.rand(5, 3))
for name, kind in LOSSES.items():
    try:
        loss = kind() if name not in {"dann", "cdan", "mdd", "wasserstein_critic"} else None
        if name in {"afn", "bsp", "cmd", "coral", "energy", "hausdorff", "linear_mmd", "moment_matching", "sliced_wasserstein"}:
            loss(torch.rand(4, 3), torch.rand(5, 3))
        if name == "sinkhorn":
            loss(torch.rand(4, 3), torch.rand(5, 3))
            raise AssertionError("geomloss was there after all")
    except ImportError as error:
        assert name == "sinkhorn" and "pip install geomloss" in str(error), (name, error)
print("works")
"""


def test_losses_need_torch_alone_and_name_geomloss_where_it_is_missing():
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TORCH_ALONE], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert result.stdout == "works\n", result.stderr
