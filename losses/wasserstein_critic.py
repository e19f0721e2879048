"""The Wasserstein distance between the domains, as a critic with a gradient penalty sees it."""

# n source rows, m target rows, d width.
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from losses.adversarial import DomainDiscriminator
from losses.precision import full_precision
from losses.reversal import reverse_gradient
from losses.shapes import check_pair


@full_precision
def gradient_penalty(
    source: Tensor,
    target: Tensor,
    *,
    critic: Callable[[Tensor], Tensor],
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Mean squared distance of the critic's gradient norm from one, between the domains.

    .. math::
        P = \operatorname{mean}_k \, (\lVert \nabla f(\hat x_k) \rVert_2 - 1)^2, \qquad
        \hat x_k = u_k s_{\pi(k)} + (1 - u_k) t_{\rho(k)}, \quad u_k \sim U(0, 1)

    over max(n, m) random pairs, in which every row of both domains takes part. It reaches the critic's weights and not
    the features.

    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        critic: scores each row.
        generator: the source of the random pairs and places; torch's own by default.

    Shape:
        source (n, d), target (m, d), the critic (k, d) to (k,); the result is a scalar.

    Returns:
        The penalty, zero for a critic of slope one everywhere.

    Example:
        >>> import torch
        >>> gradient_penalty(torch.rand(4, 3), torch.rand(6, 3), critic=lambda x: 3 * x[:, 0])
        tensor(4.)
    """
    check_pair(source, target)
    pairs = max(len(source), len(target))
    device = source.device
    shuffled = torch.randperm(pairs, generator=generator, device=device)
    place = torch.rand(pairs, 1, generator=generator, device=device, dtype=source.dtype)  # (k, 1)
    with torch.enable_grad():  # validation runs without gradients, and the penalty is made of one
        ends = (
            source.detach()[shuffled % len(source)],
            target.detach()[torch.arange(pairs, device=device) % len(target)],
        )
        between = (place * ends[0] + (1 - place) * ends[1]).requires_grad_()  # (k, d)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)  # (k, d)
        # The square root has no derivative at zero, where a critic with dead units stands.
        norm = (slope.square().sum(1) + torch.finfo(slope.dtype).tiny).sqrt()  # (k,)
        return (norm - 1).square().mean()


class WassersteinCritic(nn.Module):
    r"""Wasserstein loss through gradient reversal: the critic drives the domains apart, the features join them.

    .. math::
        L = -\left(\operatorname{mean}_i f(R_\lambda(s_i)) - \operatorname{mean}_j f(R_\lambda(t_j))\right) + \gamma P

    with the gradient reversal :math:`R_\lambda` and the gradient penalty :math:`P`. One optimizer minimises it over
    features and critic together; for more steps of the critic than of the features, call it with detached features
    between. :math:`-L` without the penalty estimates the Wasserstein-1 distance.

    Reference: Shen et al., "Wasserstein distance guided representation learning for domain adaptation", AAAI 2018;
    Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017.

    Args:
        in_features: width d of the features.
        hidden: width of the critic's hidden layers.
        layers: number of hidden layers.
        penalty: the weight gamma of the gradient penalty.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for sizes below one or a negative penalty.

    Example:
        >>> import torch
        >>> critic = WassersteinCritic(8, hidden=16)
        >>> critic(torch.rand(4, 8), torch.rand(6, 8), strength=0.5).shape
        torch.Size([])
    """

    def __init__(self, in_features: int, *, hidden: int = 256, layers: int = 2, penalty: float = 10.0) -> None:
        super().__init__()
        if penalty < 0:
            raise ValueError(f"penalty is {penalty}; expected a weight of zero or more")
        self.critic = DomainDiscriminator(in_features, hidden=hidden, layers=layers)
        self.penalty = penalty

    def forward(self, source: Tensor, target: Tensor, strength: float = 1.0) -> Tensor:
        """Return the critic's loss; the gradient of the features is reversed and scaled by the strength."""
        distance = self.distance(reverse_gradient(source, strength), reverse_gradient(target, strength))
        if not self.penalty:
            return -distance
        return self.penalty * gradient_penalty(source, target, critic=self.critic) - distance

    def distance(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the critic's estimate of the Wasserstein-1 distance, with its gradient as it is."""
        check_pair(source, target)
        scores: Tensor = self.critic(torch.cat([source, target]))  # (n + m,)
        return scores[: len(source)].float().mean() - scores[len(source) :].float().mean()
