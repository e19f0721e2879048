"""Margin disparity discrepancy: a second classifier that agrees on the source and disagrees on the target."""

# n source rows, m target rows, d width, K classes.
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.precision import full_precision
from losses.reversal import reverse_gradient
from losses.shapes import check_logits, check_pair


@full_precision
def margin_disparity(
    source_logits: Tensor,
    source_adversary: Tensor,
    target_logits: Tensor,
    target_adversary: Tensor,
    *,
    margin: float = 4.0,
) -> Tensor:
    r"""Loss of an adversary that is to agree with the classifier on the source and to disagree on the target.

    .. math::
        L = -\frac{\gamma}{n} \sum_i \log \sigma_{\hat y_i}(f'(s_i))
          - \frac1m \sum_j \log\left(1 - \sigma_{\hat y_j}(f'(t_j))\right)

    with :math:`\hat y` the class that the classifier f prefers and :math:`\sigma` the softmax. Its negative is the
    discrepancy; :math:`\log \gamma` is the margin of the paper.

    Reference: Zhang et al., "Bridging theory and algorithm for domain adaptation", ICML 2019.

    Args:
        source_logits: scores f of the classifier on the source rows; constants in the gradient.
        source_adversary: scores f' of the adversary on them.
        target_logits: scores f of the classifier on the target rows; constants in the gradient.
        target_adversary: scores f' of the adversary on them.
        margin: the number gamma; above zero.

    Shape:
        source scores (n, K), target scores (m, K); the result is a scalar.

    Returns:
        The loss in nats, zero or more.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> even = torch.zeros(3, 2)
        >>> margin_disparity(even, even, even, even, margin=1.0)  # 2 log 2
        tensor(1.3863)
    """
    for logits, adversary in ((source_logits, source_adversary), (target_logits, target_adversary)):
        check_logits(logits)
        if logits.shape != adversary.shape:
            raise ValueError(f"logits have shape {tuple(logits.shape)} and the adversary's {tuple(adversary.shape)}")
    agree = F.cross_entropy(source_adversary, source_logits.argmax(1))
    preferred = F.one_hot(target_logits.argmax(1), target_logits.shape[1]).bool()  # (m, K)
    # log(1 - p) from the other classes: exact where p rounds to one.
    others = target_adversary.masked_fill(preferred, -torch.inf).logsumexp(1)  # (m,)
    disagree = (target_adversary.logsumexp(1) - others).mean()
    return margin * agree + disagree


class MDD(nn.Module):
    """Margin disparity discrepancy through gradient reversal, with its adversary; see :func:`margin_disparity`.

    One optimizer minimises it over features and adversary together: the adversary looks for the disparity, the features
    take it away.

    Reference: Zhang et al., "Bridging theory and algorithm for domain adaptation", ICML 2019.

    Args:
        in_features: width d of the features.
        classes: number K of classes.
        margin: weight of the agreement on the source; above zero.
        hidden: width of the adversary's hidden layer.

    Shape:
        source (n, d), target (m, d), source_logits (n, K), target_logits (m, K); the result is a scalar.

    Raises:
        ValueError: for sizes below one (two classes) or a margin of zero or less.

    Example:
        >>> import torch
        >>> mdd = MDD(8, 3, hidden=16)
        >>> mdd(torch.rand(4, 8), torch.rand(6, 8), torch.rand(4, 3), torch.rand(6, 3), strength=0.1).shape
        torch.Size([])
    """

    def __init__(self, in_features: int, classes: int, *, margin: float = 4.0, hidden: int = 256) -> None:
        super().__init__()
        if in_features < 1 or classes < 2 or hidden < 1:
            raise ValueError(
                f"in_features={in_features}, classes={classes}, hidden={hidden}; expected at least 1, and 2 classes"
            )
        if not margin > 0:
            raise ValueError(f"margin is {margin}; expected a positive number")
        self.margin = margin
        self.output = nn.Linear(hidden, classes)
        self.body = nn.Sequential(nn.Linear(in_features, hidden), nn.ReLU())

    def forward(
        self, source: Tensor, target: Tensor, source_logits: Tensor, target_logits: Tensor, strength: float = 1.0
    ) -> Tensor:
        """Return the adversary's loss; the gradient of the features is reversed and scaled by the strength."""
        check_pair(source, target)
        features = reverse_gradient(torch.cat([source, target]), strength).to(self.output.weight.dtype)  # (n + m, d)
        adversary: Tensor = self.output(self.body(features))  # (n + m, K)
        n = len(source)
        return margin_disparity(source_logits, adversary[:n], target_logits, adversary[n:], margin=self.margin)
