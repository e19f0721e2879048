"""Cross-domain contrast against loops over the formula."""

import numpy as np
import pytest
import torch

from losses import SupervisedContrastive
from losses.contrastive import cross_domain_contrast


def sample(n=6, m=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    target = torch.randn(m, 4, generator=generator, dtype=torch.float64)
    return source, target, torch.tensor([0, 1, 2, 0, 1, 0]), torch.tensor([1, 0, 0, 3, -1])


def from_the_formula(source, target, source_labels, target_labels, temperature):
    terms = []
    domains = [(source.numpy(), source_labels.tolist()), (target.numpy(), target_labels.tolist())]
    for (z, y), (other, other_y) in (domains, domains[::-1]):
        for row, label in zip(z, y, strict=True):
            similar = other @ row / np.linalg.norm(other, axis=1) / np.linalg.norm(row) / temperature
            positives = [i for i, o in enumerate(other_y) if o == label and label >= 0]
            if positives:
                terms.append(np.mean([-np.log(np.exp(similar[p]) / np.exp(similar).sum()) for p in positives]))
    return np.mean(terms)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_value_is_that_of_the_formula(temperature):
    made = sample()
    expected = from_the_formula(*made, temperature)
    assert SupervisedContrastive(temperature=temperature)(*made).item() == pytest.approx(expected)


def test_domains_without_a_class_in_common_cost_nothing_and_pull_nowhere():
    source, target, labels, _ = sample()
    source.requires_grad_()
    for target_labels in (torch.full((5,), 7), torch.full((5,), -1)):
        value = cross_domain_contrast(source, target, labels, target_labels)
        assert value.item() == 0.0
        assert not torch.autograd.grad(value, source)[0].any()


def test_rows_without_a_label_are_no_positives_of_each_other():
    source, target, _, target_labels = sample()
    none = torch.full((6,), -1)
    assert cross_domain_contrast(source, target, none, target_labels).item() == 0.0


def test_length_of_the_rows_does_not_matter():
    source, target, *labels = sample()
    torch.testing.assert_close(
        cross_domain_contrast(5 * source, 0.1 * target, *labels), cross_domain_contrast(source, target, *labels)
    )


def test_options_and_shapes_that_do_not_fit_are_refused():
    source, target, source_labels, target_labels = sample()
    with pytest.raises(ValueError, match="temperature is 0"):
        SupervisedContrastive(temperature=0.0)
    with pytest.raises(ValueError, match="labels have shapes"):
        cross_domain_contrast(source, target, target_labels, source_labels)
