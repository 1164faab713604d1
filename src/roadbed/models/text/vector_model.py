"""Vector model: a logistic regression on the vectors of an embedding model."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from roadbed.models.text.vocabulary import Floats

# Both chosen by cross-validation on training data; see record 47.
_INVERSE_PENALTY = 30.0
_MOST_STEPS = 100
_ABSENT = -20.0  # the score of a class without an example


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorModel:
    """Vectors are centred at ``mean`` (d,), since those of one model point in similar directions.

    ``coefficients`` has shape (K, d), ``intercepts`` (K,).
    """

    mean: Floats
    coefficients: Floats
    intercepts: Floats

    @classmethod
    def fit(cls, vectors: Floats, labels: npt.NDArray[np.int64], classes: int) -> VectorModel:
        """Fit on rows of unit length. Classes without an example get a very low score."""
        mean = vectors.mean(axis=0)
        coefficients = np.zeros((classes, vectors.shape[1]), dtype=np.float32)
        intercepts = np.full(classes, _ABSENT, dtype=np.float32)
        present = np.unique(labels)
        if len(present) == 1:
            intercepts[present] = 0.0
            return cls(mean=mean, coefficients=coefficients, intercepts=intercepts)
        model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=_MOST_STEPS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(_centred(vectors, mean), labels)
        if len(present) == 2:  # scikit-learn fits one row for two classes
            coefficients[present] = np.vstack([-model.coef_, model.coef_]) / 2.0
            intercepts[present] = np.concatenate([-model.intercept_, model.intercept_]) / 2.0
        else:
            coefficients[present] = model.coef_
            intercepts[present] = model.intercept_
        return cls(mean=mean, coefficients=coefficients, intercepts=intercepts)

    def scores(self, vectors: Floats) -> Floats:
        """Log odds of the classes, up to a constant per row: shape (n, K)."""
        scores: Floats = _centred(vectors, self.mean) @ self.coefficients.T
        scores += self.intercepts
        return scores


def _centred(vectors: Floats, mean: Floats) -> Floats:
    rows = vectors - mean
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    centred: Floats = rows / np.maximum(lengths, np.float32(1e-6))
    return centred
