"""Second derivatives of hand-written gradients."""

import pytest
import torch

from losses import CORAL, JMMD, LMMD, MMD


@pytest.mark.parametrize("loss", [CORAL(), MMD(), JMMD(), LMMD()], ids=lambda loss: type(loss).__name__)
def test_second_derivative_is_refused_rather_than_missing(loss):
    source, target = torch.rand(4, 3, requires_grad=True), torch.rand(5, 3)
    extra = (torch.tensor([0, 1, 1, 0]), torch.rand(5, 2)) if isinstance(loss, LMMD) else ()
    value = loss([source], [target]) if isinstance(loss, JMMD) else loss(source, target, *extra)
    with pytest.raises(RuntimeError, match="leave it out of what is differentiated with create_graph=True"):
        torch.autograd.grad(value, source, create_graph=True)
