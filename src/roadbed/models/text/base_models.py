"""Base models: a linear first stage, and further models whose agreement with it is a feature.

Every part is linear in sparse rows, so a batch costs a few matrix products. Parts are fitted on one
set of rows and applied to another: this yields out-of-fold features.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import logsumexp, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from roadbed.models.text.vector_model import VectorModel
from roadbed.models.text.vocabulary import Counts, Floats, Rows, unit_rows

Labels = npt.NDArray[np.int64]
NEIGHBOURS_A_CLASS = 12
_INVERSE_PENALTY = 2.0
_SHARPNESS = 5.0
_FAR = -9.0  # marks a missing class among margins
# The sum of both scores that the answer is taken from; chosen by cross-validation, see record 47.
_WORDS_SHARE = 0.13
_VECTORS_SHARE = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """Texts as the parts see them: counts, TF-IDF rows, and vectors if a model makes them."""

    counts: Counts
    rows: Rows
    vectors: Floats | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseScores:
    """Scores of classes, each (n, K). ``margins`` is what the answer is taken from.

    ``nearest`` (n,) is the position of the most similar example.
    """

    margins: Floats
    linear: Floats
    by_vector: Floats | None
    near: Floats
    nearest: Labels


@dataclass(frozen=True, kw_only=True)
class BaseModels:
    """Fitted parts. ``sizes`` counts each class; ``none`` is the class of texts without a label.

    ``word_counts`` and ``character_counts`` are sums by class (K, V); ``centres`` (K, F) unit rows;
    ``near_rows`` (m, F) the newest examples of each class with ``near_classes`` (m,).
    ``vector_model`` is there if the texts have vectors. What follows from these tables is computed
    once: for a single text it would take longer than the rest.
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
    vector_model: VectorModel | None = None

    @classmethod
    def fit(
        cls,
        texts: Texts,
        labels: Labels,
        *,
        classes: int,
        none: int | None,
        seed: int,
    ) -> BaseModels:
        """Fit every part on texts in the order of their age, oldest first."""
        counts, rows, vectors = texts.counts, texts.rows, texts.vectors
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
            vector_model=None if vectors is None else VectorModel.fit(vectors, labels, classes),
        )

    def apply(self, texts: Texts) -> BaseScores:
        """The scores of all parts for ``texts``."""
        near, nearest = self._neighbours(texts.rows)
        linear: Floats = texts.rows @ self._columns + self.intercepts
        by_vector = None
        margins = linear
        if self.vector_model is not None and texts.vectors is not None:
            by_vector = self.vector_model.scores(texts.vectors)
            margins = _WORDS_SHARE * linear + _VECTORS_SHARE * by_vector
        return BaseScores(
            margins=margins, linear=linear, by_vector=by_vector, near=near, nearest=nearest
        )

    def features(
        self, texts: Texts, scores: BaseScores, lengths: Floats, unknown: Floats
    ) -> Floats:
        """Features of the second stage for each text and its leading class: shape (n, features)."""
        counts, rows = texts.counts, texts.rows
        lead = scores.margins.argmax(axis=1)
        likeness = np.asarray((rows @ self._centre_columns).todense(), dtype=np.float32)
        by_vector = []
        if scores.by_vector is not None:
            by_vector = [_features_of(scores.by_vector, lead), _features_of(scores.linear, lead)]
        return np.column_stack(
            [
                self._margin_features(scores.margins, lead),
                _features_of(self._complement_bayes(counts.words), lead),
                _features_of(self._bayes(counts.characters), lead),
                _closeness(likeness, lead),
                *by_vector,
                self._near_features(scores.near, lead),
                unknown,
                np.log1p(lengths),
                np.log1p(self.sizes[lead]),
            ]
        ).astype(np.float32)

    def _neighbours(self, rows: Rows) -> tuple[Floats, Labels]:
        """Highest similarity within each class (n, K), and position of the highest of all (n,)."""
        likeness = np.asarray((rows @ self._near_columns).todense(), dtype=np.float32)
        best = np.zeros((rows.shape[0], len(self.sizes)), dtype=np.float32)
        order, present, starts = self._near_groups
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
        scores: Floats = words.sign() @ self._word_weights
        return scores

    def _bayes(self, characters: Rows) -> Floats:
        """Log scores of multinomial naive Bayes on character n-grams."""
        prior = np.log((self.sizes + 1.0) / (self.sizes.sum() + len(self.sizes)))
        scores: Floats = characters @ self._character_weights + prior
        return scores

    @cached_property
    def _columns(self) -> Floats:
        return np.ascontiguousarray(self.coefficients.T)

    @cached_property
    def _word_weights(self) -> Floats:
        counts = np.asarray(self.word_counts.todense(), dtype=np.float32)
        rest = counts.sum(axis=0) - counts + 1.0
        return np.ascontiguousarray(-np.log(rest / rest.sum(axis=1, keepdims=True)).T)

    @cached_property
    def _character_weights(self) -> Floats:
        counts = np.asarray(self.character_counts.todense(), dtype=np.float32) + 0.3
        return np.ascontiguousarray(np.log(counts / counts.sum(axis=1, keepdims=True)).T)

    @cached_property
    def _centre_columns(self) -> Rows:
        return self.centres.T.tocsr()

    @cached_property
    def _near_columns(self) -> Rows:
        return self.near_rows.T.tocsr()

    @cached_property
    def _near_groups(self) -> tuple[Labels, Labels, Labels]:
        """Order of the nearest examples by class, the classes, and where each begins."""
        order = np.argsort(self.near_classes, kind="stable")
        present, starts = np.unique(self.near_classes[order], return_index=True)
        return order, present, starts


def _linear(rows: Rows, labels: Labels, classes: int, seed: int) -> tuple[Floats, Floats]:
    """One linear support vector machine per class; absent classes get a very low margin."""
    coefficients = np.zeros((classes, rows.shape[1]), dtype=np.float32)
    intercepts = np.full(classes, -2.0, dtype=np.float32)
    present = np.unique(labels)
    if len(present) > 1 and rows.shape[1]:
        machine = LinearSVC(C=_INVERSE_PENALTY, tol=0.01, random_state=seed)
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
