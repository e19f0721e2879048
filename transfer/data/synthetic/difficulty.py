"""How hard a corpus's classes are to learn, whatever its domain: overlap, skew of the class prior, wrong labels."""

from __future__ import annotations

from dataclasses import dataclass

from transfer.errors import UserError

__all__ = ["Difficulty"]

MOST_SPREAD = 5.0  # factor on the standard deviations between clips at spread 1
IMBALANCE = 10.0  # clips of the most frequent class for each of the rarest, at prior 1


@dataclass(frozen=True)
class Difficulty:
    """Dials of the classes; all at 0 is a balanced corpus, rightly labelled, as acted as the generator knows.

    Args:
        spread: How much the moment moves the prosodic factors, from 0 to 1 (5 times the standard deviations).
        prior: Skew of the class prior, from 0 (balanced) to 1 (10 clips of the most frequent class for one of the
            rarest, the others in geometric steps between them; see Cui et al., Class-balanced loss, CVPR, 2019).
        label_noise: Share of clips (of subjects, where a subject has one class) whose voice shows another class than
            the label says, any other equally likely; from 0 to 0.5.

    Example:
        >>> Difficulty(label_noise=0.9)
        Traceback (most recent call last):
        ...
        transfer.errors.UserError: label_noise is 0.9; expected a number from 0 to 0.5
    """

    spread: float = 0.0
    prior: float = 0.0
    label_noise: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("spread", 1), ("prior", 1), ("label_noise", 0.5)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"{name} is {value!r}; expected a number from 0 to {most}")
            if not 0.0 <= value <= most:
                raise UserError(f"{name} is {value}; expected a number from 0 to {most}")

    @property
    def spread_factor(self) -> float:
        """Factor on the standard deviations between clips."""
        return 1.0 + (MOST_SPREAD - 1.0) * self.spread

    def shares(self, classes: int) -> list[float]:
        """Return the clips of each class as a share of those of the most frequent one, in falling order.

        Example:
            >>> [round(share, 2) for share in Difficulty(prior=1.0).shares(3)]
            [1.0, 0.32, 0.1]
        """
        return [float(IMBALANCE ** (-self.prior * rank / max(classes - 1, 1))) for rank in range(classes)]
