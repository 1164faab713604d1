"""``TextClassifier``: learns from labelled texts, with confidence and evidence for each answer."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError
from scipy.special import softmax

from roadbed.kernel.json import JsonObject
from roadbed.kernel.sentences import sentence
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.models.embeddings.choice import chosen
from roadbed.models.embeddings.errors import OtherEmbeddingsError
from roadbed.models.embeddings.protocol import Embeddings
from roadbed.models.text import state
from roadbed.models.text.base_models import BaseScores, Texts, lengths_of
from roadbed.models.text.fitting import fit
from roadbed.models.text.state import EmbeddingModel, FittedText
from roadbed.models.text.vocabulary import Rows
from roadbed.usecases.decider import (
    Answer,
    LabelledExample,
    Needs,
    OutOfFold,
    Unsure,
    needs_of,
)
from roadbed.usecases.errors import TrainingError
from roadbed.usecases.parsing import written

_FREE = Decimal(0)  # it runs locally, without cost
_NONE = None  # the label of texts without a right answer


class TextClassifier:
    """A trainable decider for text fields and one label field.

    ``text`` names the input's field, or several fields that are joined by line breaks. ``label``
    names the output's. Examples whose output is ``None`` have no right label; similar texts get
    ``Unsure``. ``embeddings`` make vectors for a further base model, a logistic regression beside
    words and characters: by default those that ``ROADBED_EMBEDDINGS`` chooses, with ``None`` none.
    Source of the method: statistics in ``docs/explanation``; the confidence is a stacked second
    stage.
    """

    def __init__(
        self,
        text: str | Sequence[str] = "text",
        label: str = "label",
        *,
        embeddings: Embeddings | Literal["auto"] | None = "auto",
    ) -> None:
        self._embeddings = embeddings
        self.texts = (text,) if isinstance(text, str) else tuple(text)
        self.label = label
        self._output: type[BaseModel] | None = None
        self._fitted: FittedText | None = None

    def bind(self, input: type[BaseModel], output: type[BaseModel]) -> Self:
        """A copy that builds outputs of ``output``. Raises ``ValueError`` if fields differ."""
        if not self.texts:
            raise ValueError("it has no field to read the text from")
        for name in self.texts:
            if name not in input.model_fields:
                raise ValueError(f"the input has no field {name!r} to read the text from")
        if self.label not in output.model_fields:
            raise ValueError(f"the output has no field {self.label!r} for the label")
        others = [
            name
            for name, field in output.model_fields.items()
            if name != self.label and field.is_required()
        ]
        if others:
            raise ValueError(f"it cannot fill the output's other fields: {', '.join(others)}")
        bound = copy.copy(self)
        bound._output = output  # noqa: SLF001 - our own copy
        return bound

    @property
    def needs(self) -> Needs:
        """The needs of its embeddings: the key of an endpoint."""
        return needs_of(self._embeddings)

    @property
    def labels(self) -> Sequence[object]:
        """The labels it knows, as JSON values, without "none of these"."""
        return [label for label in self._learnt.labels if label is not _NONE]

    @property
    def kinds(self) -> Sequence[JsonObject | None]:
        """The outputs it was trained on; a reviewer's label outside them is a new kind of work."""
        return [None if label is _NONE else {self.label: label} for label in self._learnt.labels]

    @property
    def out_of_fold(self) -> OutOfFold:
        """Out-of-fold scores of the last fit, in the order given to ``fit``."""
        return self._learnt.out_of_fold

    def fit(self, examples: Sequence[LabelledExample], *, seed: int) -> Self:
        """A fitted copy; oldest first.

        Raises ``TrainingError`` for fewer than two labels, ``EmbeddingsError`` without vectors.
        """
        texts = [self._text(example.input) for example in examples]
        values = [self._label(example.output) for example in examples]
        labels = tuple(sorted(set(values), key=lambda label: (label is _NONE, str(label))))
        if len([label for label in labels if label is not _NONE]) < 1 or len(labels) < 2:
            raise TrainingError(
                sentence(
                    "%(examples)s examples show %(labels)s label: nothing to tell apart.",
                    examples=len(examples),
                    labels=len(labels),
                ),
                sentence("Add examples of at least one other label."),
            )
        position = {label: number for number, label in enumerate(labels)}
        classes = np.array([position[value] for value in values])
        fitted = copy.copy(self)
        fitted._fitted = fit(  # noqa: SLF001 - our own copy
            texts, classes, labels, seed, self._chosen()
        )
        return fitted

    def decide_many(self, inputs: Sequence[BaseModel]) -> Sequence[Answer[BaseModel] | Unsure]:
        """One answer per input, in order."""
        if not inputs:
            return []
        learnt = self._learnt
        texts = [self._text(input_) for input_ in inputs]
        read = self._read(texts)
        scores = learnt.base_models.apply(read)
        features = learnt.base_models.features(
            read,
            scores,
            lengths_of(texts),
            learnt.counter.unknown_share(texts, learnt.often),
        )
        sure = learnt.confidence.probability(features)
        cautious = learnt.cautious.probability(features)
        evidence = self._evidence(read.rows, scores)
        return [
            self._answer(int(lead), float(sure[row]), float(cautious[row]), evidence[row])
            if texts[row].strip()
            else Unsure(reason=stored_sentence("the text is empty."), cost=_FREE)
            for row, lead in enumerate(scores.margins.argmax(axis=1))
        ]

    def save(self) -> Mapping[str, bytes]:
        """Arrays and JSON; see ``storage``."""
        return state.save(self._learnt)

    def load(self, files: Mapping[str, bytes]) -> Self:
        """A fitted copy from the state of ``save``.

        Raises ``OtherEmbeddingsError`` if it was fitted with another embedding model.
        """
        fitted = state.load(files)
        if fitted.model is not None:
            present = self._chosen()
            if present is None or present.digest != fitted.model.digest:
                named = None if present is None else str(EmbeddingModel.of(present))
                raise OtherEmbeddingsError(str(fitted.model), named)
        loaded = copy.copy(self)
        loaded._fitted = fitted  # noqa: SLF001 - our own copy
        return loaded

    @property
    def _learnt(self) -> FittedText:
        if self._fitted is None:
            raise TrainingError(
                sentence("The classifier has not been fitted."), sentence("Run `roadbed improve`.")
            )
        return self._fitted

    def _chosen(self) -> Embeddings | None:
        return chosen() if self._embeddings == "auto" else self._embeddings

    def _read(self, texts: Sequence[str]) -> Texts:
        learnt = self._learnt
        counts = learnt.counter.count(texts)
        embeddings = None if learnt.model is None else self._chosen()
        return Texts(
            counts=counts,
            rows=learnt.weights.weigh(counts),
            vectors=None if embeddings is None else embeddings.embed(texts),
        )

    def _text(self, input: BaseModel) -> str:
        return "\n".join(str(getattr(input, name)) for name in self.texts)

    def _label(self, output: BaseModel | None) -> Any:
        return None if output is None else written(output)[self.label]

    def _answer(
        self, lead: int, sure: float, cautious: float, evidence: JsonObject
    ) -> Answer[BaseModel] | Unsure:
        label = self._learnt.labels[lead]
        if label is _NONE:
            return Unsure(
                reason=stored_sentence("it looks like what belongs to none of the labels."),
                evidence=evidence,
                cost=_FREE,
            )
        if self._output is None:
            raise ValueError("bind the classifier to an output model first")
        try:
            output = self._output.model_validate({self.label: label})
        except ValidationError:
            return Unsure(
                reason=stored_sentence(
                    "the label %(label)r no longer fits the output.", label=label
                ),
                evidence=evidence,
                cost=_FREE,
            )
        return Answer(
            output=output, confidence=sure, cautious=cautious, evidence=evidence, cost=_FREE
        )

    def _evidence(self, rows: Rows, scores: BaseScores) -> list[JsonObject]:
        """For a reviewer: the second label, the heaviest words, the most similar example."""
        learnt = self._learnt
        margins, nearest = scores.margins, scores.nearest
        shares = softmax(5.0 * margins, axis=1)
        order = np.argsort(margins, axis=1)
        words = _loudest(rows, learnt, order[:, -1])
        return [
            {
                "runner_up": learnt.labels[order[number, -2]],
                "runner_up_share": round(float(shares[number, order[number, -2]]), 3),
                "words": words[number],
                "similar": {
                    "text": learnt.near_texts[nearest[number]],
                    "label": learnt.labels[learnt.base_models.near_classes[nearest[number]]],
                },
            }
            for number in range(len(margins))
        ]


def _loudest(rows: Rows, learnt: FittedText, leads: npt.NDArray[np.int64]) -> list[list[str]]:
    loudest = []
    width = len(learnt.counter.words)
    for row, lead in enumerate(leads):
        span = slice(rows.indptr[row], rows.indptr[row + 1])
        columns, values = rows.indices[span], rows.data[span]
        columns, values = columns[columns < width], values[columns < width]
        weight = values * learnt.base_models.coefficients[lead, columns]
        best = np.argsort(weight)[::-1][:3]
        loudest.append([learnt.counter.words[columns[i]] for i in best if weight[i] > 0.0])
    return loudest
