"""The Wasserstein critic: penalty of known critics, players, and the distance it finds."""

import pytest
import torch

from losses import WassersteinCritic
from losses.wasserstein_critic import gradient_penalty


@pytest.mark.parametrize(("n", "m"), [(4, 4), (3, 7), (7, 3), (1, 1)])
@pytest.mark.parametrize(("slope", "expected"), [(1.0, 0.0), (3.0, 4.0), (0.0, 1.0)])
def test_penalty_of_a_plane_is_its_slope_less_one_squared(n, m, slope, expected):
    direction = torch.tensor([0.6, 0.8, 0.0])
    value = gradient_penalty(torch.rand(n, 3), torch.rand(m, 3), critic=lambda x: slope * (x @ direction))
    assert value.item() == pytest.approx(expected, abs=1e-5)


def test_flat_critic_has_a_finite_gradient():
    weight = torch.zeros(3, requires_grad=True)
    value = gradient_penalty(torch.rand(4, 3), torch.rand(4, 3), critic=lambda x: x @ weight)
    assert torch.autograd.grad(value, weight)[0].isfinite().all()


def test_penalty_looks_between_the_domains():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.sum(1)

    gradient_penalty(torch.full((400, 1), 3.0), torch.full((300, 1), 4.0), critic=critic)
    assert seen[0].shape == (400, 1)
    assert 3 <= seen[0].min() < 3.05
    assert 3.95 < seen[0].max() <= 4
    assert seen[0].mean().item() == pytest.approx(3.5, abs=0.1)


def test_penalty_pairs_every_row_of_both_domains():
    rows = []
    for seed in range(3):
        gradient_penalty(
            torch.arange(3.0)[:, None] * torch.ones(1, 2) * torch.tensor([1.0, 0.0]),
            torch.arange(5.0)[:, None] * torch.tensor([0.0, 1.0]),
            critic=lambda x: rows.append(x.detach()) or x.sum(1),
            generator=torch.Generator().manual_seed(seed),
        )
    assert all((row[:, 1] > 0).sum() >= 4 for row in rows)  # all but the target row at zero


def test_penalty_reaches_the_critic_and_not_the_features():
    critic = WassersteinCritic(3, hidden=32)
    source = torch.rand(4, 3, requires_grad=True)
    value = gradient_penalty(source, torch.rand(5, 3), critic=critic.critic)
    grads = torch.autograd.grad(value, [source, critic.critic.score.weight], allow_unused=True)
    assert grads[0] is None
    assert grads[1].any()


def test_value_without_penalty_is_the_negative_distance_and_features_pull_the_other_way():
    critic = WassersteinCritic(3, hidden=4, penalty=0.0).double()
    source, target = torch.rand(4, 3).double().requires_grad_(), torch.rand(5, 3).double()
    value, distance = critic(source, target, strength=0.3), critic.distance(source, target)
    torch.testing.assert_close(value, -distance)
    (loss_grad,), (distance_grad,) = torch.autograd.grad(value, source), torch.autograd.grad(distance, source)
    torch.testing.assert_close(loss_grad, 0.3 * distance_grad)


def test_critic_finds_the_distance_of_two_points():
    torch.manual_seed(0)
    critic = WassersteinCritic(8, hidden=16)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.02)
    source, target = torch.eye(8)[:1].repeat(16, 1) * 2, torch.zeros(8, 8)
    for _ in range(150):
        optimizer.zero_grad()
        critic(source, target).backward()
        optimizer.step()
    assert critic.distance(source, target).item() == pytest.approx(2.0, rel=0.15)


def test_it_runs_where_gradients_are_off():
    with torch.no_grad():
        value = WassersteinCritic(3)(torch.rand(4, 3), torch.rand(5, 3))
    assert value.isfinite()
    assert not value.requires_grad


def test_negative_penalty_is_refused():
    with pytest.raises(ValueError, match="penalty is -1"):
        WassersteinCritic(3, penalty=-1.0)
