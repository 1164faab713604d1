"""Fitting of the classifier; its confidence is fitted on out-of-fold texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roadbed.models.embeddings.protocol import Embeddings
from roadbed.models.text.base_models import BaseModels, Labels, Texts, lengths_of, newest
from roadbed.models.text.confidence import Confidence
from roadbed.models.text.state import EmbeddingModel, FittedText
from roadbed.models.text.vocabulary import (
    Counter,
    Counts,
    Floats,
    Weights,
    least_documents,
)
from roadbed.usecases.decider import OutOfFold

Flags = npt.NDArray[np.bool_]
_OFTEN = 5
_TRIMMED = 200
_NOVELTY_FOLDS = 3
_HIDDEN_ITEMS = 0.20
_HIDDEN_CLASSES = 0.12
_NOVEL_WEIGHT = 0.30  # of the total, for rows of hidden classes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Corpus:
    """The examples with their counts. ``none`` is the class of texts without a label."""

    texts: Sequence[str]
    classes: Labels
    count: int
    none: int | None
    counter: Counter
    counts: Counts
    vectors: Floats | None
    lengths: Floats
    seed: int

    def stage(self, known: Labels) -> tuple[Weights, BaseModels]:
        """The first stage, fitted on the texts at ``known``."""
        weights = Weights.fit(self.counts.rows(known))
        base_models = BaseModels.fit(
            self._at(known, weights),
            self.classes[known],
            classes=self.count,
            none=self.none,
            seed=self.seed,
        )
        return weights, base_models

    def held_out(self, known: Labels, asked: Labels) -> tuple[Labels, Floats]:
        """Leading class and features of texts ``asked``, from a stage fitted on ``known``."""
        weights, base_models = self.stage(known)
        own = self._at(asked, weights)
        scores = base_models.apply(own)
        unknown = self.counter.unknown_share(
            [self.texts[item] for item in asked], *self._words(known)
        )
        return scores.margins.argmax(axis=1), base_models.features(
            own, scores, self.lengths[asked], unknown
        )

    def _at(self, index: Labels, weights: Weights) -> Texts:
        counts = self.counts.rows(index)
        vectors = None if self.vectors is None else self.vectors[index]
        return Texts(counts=counts, rows=weights.weigh(counts), vectors=vectors)

    def often(self) -> frozenset[str]:
        """Words in at least five texts."""
        return self._words(np.arange(len(self.texts)))[0]

    def _words(self, known: Labels) -> tuple[frozenset[str], frozenset[str]]:
        documents = np.bincount(self.counts.words[known].indices, minlength=len(self.counter.words))
        often, seen = (
            frozenset(self.counter.words[word] for word in np.flatnonzero(documents >= least))
            for least in (_OFTEN, least_documents(len(known))[0])
        )
        return often, seen


def fit(
    texts: Sequence[str],
    classes: Labels,
    labels: tuple[object, ...],
    seed: int,
    embeddings: Embeddings | None = None,
) -> FittedText:
    """Fit all parts on ``texts``, oldest first; ``classes`` (n,) are positions in ``labels``."""
    counter, counts = Counter.fit(texts)
    corpus = _Corpus(
        texts=texts,
        classes=classes,
        count=len(labels),
        none=labels.index(None) if None in labels else None,
        counter=counter,
        counts=counts,
        vectors=None if embeddings is None else embeddings.embed(texts),
        lengths=lengths_of(texts),
        seed=seed,
    )
    leads, features = _out_of_fold(corpus)
    right = leads == classes
    answered = _answered(corpus, leads)
    confidence = Confidence.fit(features[answered], right[answered])
    cautious, novel = _learn_caution(corpus) or (confidence, np.zeros(0))
    weights, base_models = corpus.stage(np.arange(len(texts)))
    return FittedText(
        labels=labels,
        model=None if embeddings is None else EmbeddingModel.of(embeddings),
        counter=counter,
        weights=weights,
        often=corpus.often(),
        base_models=base_models,
        near_texts=tuple(texts[item][:_TRIMMED] for item in newest(classes, len(labels))),
        confidence=confidence,
        cautious=cautious,
        out_of_fold=OutOfFold(
            confidence=np.where(answered, confidence.probability(features), 0.0),
            wrong=~right,
            cautious=np.where(answered, cautious.probability(features), 0.0),
            novel=novel,
        ),
    )


def _out_of_fold(corpus: _Corpus) -> tuple[Labels, Floats]:
    """Leading class and features of each text, from a first stage fitted without it."""
    folds = _folds(_groups(corpus.texts), corpus.seed)
    # One after the other: the linear solver uses one random generator for the whole process, so
    # parallel fits would not be reproducible.
    every = np.arange(len(corpus.texts))
    parts = [corpus.held_out(np.setdiff1d(every, fold), fold) for fold in folds]
    order = np.argsort(np.concatenate(folds))
    leads = np.concatenate([lead for lead, _ in parts])[order]
    return leads, np.vstack([part for _, part in parts])[order]


def _learn_caution(corpus: _Corpus) -> tuple[Confidence, npt.NDArray[np.float64]] | None:
    """The second stage, fitted so that kinds of work outside its training data count as wrong.

    Each fold hides some texts and some whole classes from a first stage. Returns the stage and its
    confidence for texts of hidden classes; 0 where the answer was "none of these".
    """
    features, right, new, shown = [], [], [], []
    for known, asked, hidden in _hidings(corpus):
        leads, asked_features = corpus.held_out(known, asked)
        features.append(asked_features)
        right.append((leads == corpus.classes[asked]) & ~hidden)
        new.append(hidden)
        shown.append(_answered(corpus, leads))
    if not features:
        return None
    every, hidden, answered = np.vstack(features), np.concatenate(new), np.concatenate(shown)
    novel = hidden[answered]
    weight = np.ones(len(novel))
    if novel.any():
        weight[novel] = _NOVEL_WEIGHT / (1.0 - _NOVEL_WEIGHT) * (~novel).sum() / novel.sum()
    stage = Confidence.fit(every[answered], np.concatenate(right)[answered], weight=weight)
    return stage, np.where(answered, stage.probability(every), 0.0)[hidden]


def _hidings(corpus: _Corpus) -> Iterator[tuple[Labels, Labels, Flags]]:
    """Training texts and test texts of a fold, and which test texts have a hidden class."""
    chance = np.random.default_rng([corpus.seed, 1])
    named = np.array(sorted(set(corpus.classes.tolist()) - {corpus.none}), dtype=np.int64)
    hide = max(1, round(_HIDDEN_CLASSES * len(named)))
    if len(named) - hide < 2:
        return
    groups = _groups(corpus.texts)
    for _ in range(_NOVELTY_FOLDS):
        hidden = np.isin(corpus.classes, chance.choice(named, hide, replace=False))
        asked = hidden | (chance.random(groups.max() + 1) < _HIDDEN_ITEMS)[groups]
        yield np.flatnonzero(~asked), np.flatnonzero(asked), hidden[asked]


def _answered(corpus: _Corpus, leads: Labels) -> Flags:
    """Where the leading class is a label, not "none of these"."""
    answered: Flags = leads != (-1 if corpus.none is None else corpus.none)
    return answered


def _groups(texts: Sequence[str]) -> Labels:
    """A number per text, shape (n,), by first occurrence; equal texts have the same number."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def _folds(groups: Labels, seed: int) -> list[Labels]:
    """Random folds: five, or three for many examples.

    Equal texts are in one fold; otherwise a test text could be among the training texts.
    """
    count = int(groups.max()) + 1
    if count < 2:
        groups, count = np.arange(len(groups)), len(groups)
    shuffled = np.random.default_rng(seed).permutation(count)
    parts = np.array_split(shuffled, min(count, 5 if len(groups) < 3_000 else 3))
    if count == len(groups):
        return parts
    return [np.flatnonzero(np.isin(groups, part)) for part in parts]
