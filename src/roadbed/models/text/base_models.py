"""Base models: a linear first stage, and further models whose agreement with it is a feature.

Every part is linear in sparse rows, so a batch costs a few matrix products. Parts are fitted on one
set of rows and applied to another: this yields out-of-fold features.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import logsumexp, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from roadbed.models.text.vocabulary import Counts, Floats, Rows, unit_rows

Labels = npt.NDArray[np.int64]
NEIGHBOURS_A_CLASS = 12
_SHARPNESS = 5.0
_FAR = -9.0  # marks a missing class among margins


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseModels:
    """Fitted parts. ``sizes`` counts each class; ``none`` is the class of texts without a label.

    ``word_counts`` and ``character_counts`` are sums by class (K, V); ``centres`` (K, F) unit rows;
    ``near_rows`` (m, F) the newest examples of each class with ``near_classes`` (m,).
    """

    coefficients: Floats
    intercepts: Floats
    word_counts: Rows
    character_counts: Rows
    centres: Rows
    near_rows: Rows
    near_classes: Labels
    sizes: Labels
    none: int | None

    @classmethod
    def fit(
        cls, counts: Counts, rows: Rows, labels: Labels, classes: int, none: int | None, seed: int
    ) -> BaseModels:
        """Fit every part on texts in the order of their age, oldest first."""
        member = sparse.csr_matrix(
            (np.ones(len(labels), dtype=np.float32), (labels, np.arange(len(labels)))),
            shape=(classes, len(labels)),
        )
        latest = newest(labels, classes)
        coefficients, intercepts = _linear(rows, labels, classes, seed)
        return cls(
            coefficients=coefficients,
            intercepts=intercepts,
            word_counts=(member @ counts.words.sign()).tocsr(),
            character_counts=(member @ counts.characters).tocsr(),
            centres=unit_rows((member @ rows).tocsr()),
            near_rows=rows[latest],
            near_classes=labels[latest],
            sizes=np.bincount(labels, minlength=classes),
            none=none,
        )

    def margins(self, rows: Rows) -> Floats:
        """Signed distances Z of shape (n, K)."""
        margins: Floats = rows @ self.coefficients.T + self.intercepts
        return margins

    def features(
        self, counts: Counts, rows: Rows, margins: Floats, lengths: Floats, unknown: Floats
    ) -> Floats:
        """Features of the second stage for each text and its leading class: shape (n, features)."""
        lead = margins.argmax(axis=1)
        near, _ = self.neighbours(rows)
        return np.column_stack(
            [
                self._margin_features(margins, lead),
                _features_of(self._complement_bayes(counts.words), lead),
                _features_of(self._bayes(counts.characters), lead),
                _closeness(np.asarray((rows @ self.centres.T).todense(), dtype=np.float32), lead),
                self._near_features(near, lead),
                unknown,
                np.log1p(lengths),
                np.log1p(self.sizes[lead]),
            ]
        ).astype(np.float32)

    def neighbours(self, rows: Rows) -> tuple[Floats, Labels]:
        """Highest similarity within each class (n, K), and position of the highest of all (n,)."""
        likeness = np.asarray((rows @ self.near_rows.T).todense(), dtype=np.float32)
        best = np.zeros((rows.shape[0], len(self.sizes)), dtype=np.float32)
        order = np.argsort(self.near_classes, kind="stable")
        present, starts = np.unique(self.near_classes[order], return_index=True)
        best[:, present] = np.maximum.reduceat(likeness[:, order], starts, axis=1)
        return best, likeness.argmax(axis=1)

    def _margin_features(self, margins: Floats, lead: Labels) -> Floats:
        every = np.arange(len(lead))
        top = margins[every, lead]
        second = _best_other(margins, lead)
        none = margins[:, self.none] if self.none is not None else np.full(len(lead), _FAR)
        shares = softmax(_SHARPNESS * margins, axis=1)
        entropy = -(shares * np.log(shares + 1e-12)).sum(axis=1)
        return np.column_stack(
            [
                top,
                top - second,
                none,
                top - none,
                entropy,
                shares[every, lead],
                logsumexp(_SHARPNESS * margins, axis=1) / _SHARPNESS,
                (margins > -0.5).sum(axis=1),
            ]
        )

    def _near_features(self, near: Floats, lead: Labels) -> Floats:
        same = near[np.arange(len(lead)), lead]
        none = near[:, self.none] if self.none is not None else np.zeros(len(lead))
        return np.column_stack([near.max(axis=1), same - _best_other(near, lead), same - none])

    def _complement_bayes(self, words: Rows) -> Floats:
        """Log scores of complement naive Bayes on the presence of words."""
        counts = np.asarray(self.word_counts.todense(), dtype=np.float32)
        rest = counts.sum(axis=0) - counts + 1.0
        weights = -np.log(rest / rest.sum(axis=1, keepdims=True))
        scores: Floats = words.sign() @ weights.T
        return scores

    def _bayes(self, characters: Rows) -> Floats:
        """Log scores of multinomial naive Bayes on character n-grams."""
        counts = np.asarray(self.character_counts.todense(), dtype=np.float32) + 0.3
        weights = np.log(counts / counts.sum(axis=1, keepdims=True))
        prior = np.log((self.sizes + 1.0) / (self.sizes.sum() + len(self.sizes)))
        scores: Floats = characters @ weights.T + prior
        return scores


def _linear(rows: Rows, labels: Labels, classes: int, seed: int) -> tuple[Floats, Floats]:
    """One linear support vector machine per class; absent classes get a very low margin."""
    coefficients = np.zeros((classes, rows.shape[1]), dtype=np.float32)
    intercepts = np.full(classes, -2.0, dtype=np.float32)
    present = np.unique(labels)
    if len(present) > 1 and rows.shape[1]:
        machine = LinearSVC(C=1.0, tol=0.01, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(rows, labels)
        if len(present) == 2:  # scikit-learn fits one machine for two classes
            coefficients[present] = np.vstack([-machine.coef_, machine.coef_])
            intercepts[present] = np.concatenate([-machine.intercept_, machine.intercept_])
        else:
            coefficients[present] = machine.coef_
            intercepts[present] = machine.intercept_
    return coefficients, intercepts


def newest(labels: Labels, classes: int) -> Labels:
    """Positions of the newest examples of each class."""
    kept = [np.flatnonzero(labels == number)[-NEIGHBOURS_A_CLASS:] for number in range(classes)]
    return np.concatenate(kept)


def _best_other(scores: Floats, lead: Labels) -> Floats:
    others = scores.copy()
    others[np.arange(len(lead)), lead] = -np.inf
    best = others.max(axis=1)
    return np.where(np.isfinite(best), best, _FAR)


def _features_of(scores: Floats, lead: Labels) -> Floats:
    """Gap of the leading class to this model's best class, agreement, and log share."""
    every = np.arange(len(lead))
    spread = scores.std(axis=1) + 1e-6
    gap = (scores[every, lead] - scores.max(axis=1)) / spread
    share = scores[every, lead] - logsumexp(scores, axis=1)
    return np.column_stack([gap, scores.argmax(axis=1) == lead, np.maximum(share, -30.0)])


def _closeness(likeness: Floats, lead: Labels) -> Floats:
    own = likeness[np.arange(len(lead)), lead]
    return np.column_stack(
        [own, own - _best_other(likeness, lead), likeness.argmax(axis=1) == lead]
    )


def lengths_of(texts: Sequence[str]) -> Floats:
    """Words per text, shape (n,)."""
    return np.array([text.count(" ") + 1 for text in texts], dtype=np.float32)
