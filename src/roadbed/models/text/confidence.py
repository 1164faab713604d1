"""Confidence: the second stage, the probability that the answer of the first stage is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from roadbed.models.text.vocabulary import Floats

_CLIP = 6.0
_DIGITS = 10  # of a probability; further ones depend on the machine
# The confidence with too few examples to learn from.
_LEAST_OF_EACH = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Confidence:
    """A logistic model over standardised features, clipped at six standard deviations."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float

    @classmethod
    def fit(
        cls,
        features: Floats,
        right: npt.NDArray[np.bool_],
        *,
        weight: npt.NDArray[np.float64] | None = None,
    ) -> Confidence:
        """Fit on out-of-fold rows. With too few right or wrong, it gives the observed share."""
        mean, scale = _scale(features)
        if min(int(right.sum()), int((~right).sum())) < _LEAST_OF_EACH:
            # Between the observed rate and one half: a few successes are weak evidence.
            rate = (int(right.sum()) + 1.0) / (len(right) + 2.0)
            return cls(
                mean=mean,
                scale=scale,
                weights=np.zeros_like(mean),
                bias=float(np.log(rate / (1.0 - rate))),
            )
        # In double precision, and stored in single: the last digits of a product depend on where in
        # memory its operands lie, and the same examples must give the same version.
        model = LogisticRegression(C=0.3, max_iter=500)
        standard = _standardise(features, mean, scale).astype(np.float64)
        model.fit(standard, right, sample_weight=weight)
        return cls(
            mean=mean,
            scale=scale,
            weights=model.coef_[0].astype(np.float32),
            bias=float(np.float32(model.intercept_[0])),
        )

    def probability(self, features: Floats) -> npt.NDArray[np.float64]:
        """P(right) of shape (n,), in (0, 1)."""
        standard = _standardise(features, self.mean, self.scale).astype(np.float64)
        probabilities: npt.NDArray[np.float64] = expit(standard @ self.weights + self.bias)
        return np.clip(np.round(probabilities, _DIGITS), 1e-6, 1.0 - 1e-6)


def _scale(features: Floats) -> tuple[Floats, Floats]:
    if not len(features):
        width = features.shape[1]
        return np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32)
    spread = features.std(axis=0)
    return features.mean(axis=0), np.where(spread > 1e-6, spread, 1.0).astype(np.float32)


def _standardise(features: Floats, mean: Floats, scale: Floats) -> Floats:
    standardised: Floats = np.clip((features - mean) / scale, -_CLIP, _CLIP)
    return standardised
