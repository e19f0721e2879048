"""The task loss of a recipe is the one that every strategy learns by."""

import torch
import torch.nn.functional as F


def logits_and_batch(strategy):
    batch = strategy.setting.domains["b"].batch(torch.arange(10))
    strategy.setting.model.eval()
    return strategy.setting.model(batch.features, batch.lengths, "b"), batch


def test_focal_loss_takes_the_place_of_cross_entropy_with_its_gamma_and_class_weights(attached):
    training = {"epochs": 1, "task_loss": "focal", "focal_gamma": 3.0, "balance": "weights", "label_smoothing": 0.4}
    strategy = attached("joint", recipe={"training": training})
    strategy.setting.domains["b"].labels[:3] = 0
    strategy.attach(strategy.setting)
    logits, batch = logits_and_batch(strategy)
    p = logits.softmax(1).gather(1, batch.labels[:, None]).squeeze(1)
    w = strategy.setting.domains["b"].class_weights()[batch.labels]
    assert w.unique().numel() == 2
    expected = (w * -((1 - p) ** 3) * p.log()).sum() / w.sum()
    assert torch.allclose(strategy.task("b", batch), expected, atol=1e-6)


def test_cross_entropy_is_smoothed_as_the_recipe_says(attached):
    strategy = attached("joint", recipe={"training": {"epochs": 1, "label_smoothing": 0.4}})
    logits, batch = logits_and_batch(strategy)
    assert torch.allclose(strategy.task("b", batch), F.cross_entropy(logits, batch.labels, label_smoothing=0.4))


def test_every_strategy_trains_by_focal_loss(attached, train):
    for name in ("scratch", "mmd", "ddg"):
        train(attached(name, recipe={"training": {"epochs": 1, "batch_size": 8, "task_loss": "focal"}}))
