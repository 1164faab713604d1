"""The built-in classifier: learning, unknown inputs, unusual examples."""

from __future__ import annotations

import random

import numpy as np
import pytest
from pydantic import BaseModel

from roadbed.models import TextClassifier
from roadbed.usecases.decider import Answer, LabelledExample, Unsure, is_trainable
from roadbed.usecases.errors import TrainingError


class Inquiry(BaseModel):
    text: str


class Routing(BaseModel):
    queue: str


WORDS = {
    "returns": ["send back", "return label", "give it back", "return parcel"],
    "delivery": ["where is my parcel", "not arrived", "tracking number", "courier late"],
    "billing": ["charged twice", "invoice wrong", "refund my card", "payment failed"],
}
OUTSIDE = ["tell me a joke", "weather tomorrow", "who won the match", "recipe for soup"]


def example(text: str, queue: str | None) -> LabelledExample:
    return LabelledExample(
        input=Inquiry(text=text), output=None if queue is None else Routing(queue=queue)
    )


def examples(n: int, seed: int = 0) -> list[LabelledExample]:
    chance = random.Random(seed)
    results = []
    for _ in range(n):
        queue = chance.choice([*WORDS, None])
        phrase = chance.choice(OUTSIDE if queue is None else WORDS[queue])
        results.append(
            example(
                f"{chance.choice(['hi', 'hello', 'please'])} {phrase} "
                f"{chance.choice(['thanks', 'now', 'today'])}",
                queue,
            )
        )
    return results


@pytest.fixture
def classifier() -> TextClassifier:
    return TextClassifier(text="text", label="queue").bind(Inquiry, Routing)


def test_it_learns_and_explains_itself(classifier: TextClassifier) -> None:
    assert is_trainable(classifier)
    fitted = classifier.fit(examples(200), seed=0)
    result = fitted.decide_many(
        [Inquiry(text="I want to send back my shoes"), Inquiry(text="please tell me a joke today")]
    )
    assert isinstance(result[0], Answer)
    assert result[0].output == Routing(queue="returns")
    assert result[0].confidence > 0.5
    assert result[0].evidence["words"]
    assert isinstance(result[1], Unsure)
    assert fitted.labels == ["billing", "delivery", "returns"]
    assert fitted.decide_many([]) == []


def test_confidence_orders_right_before_wrong(classifier: TextClassifier) -> None:
    chance = random.Random(3)
    noisy = [
        item if chance.random() > 0.15 else example(item.input.text, "billing")  # type: ignore[attr-defined]
        for item in examples(600)
    ]
    out = classifier.fit(noisy, seed=0).out_of_fold
    answered = out.confidence > 0.0
    right, wrong = (out.confidence[answered & ~out.wrong], out.confidence[answered & out.wrong])
    assert np.mean(right) > np.mean(wrong) + 0.1


def test_saved_and_loaded_it_decides_the_same(classifier: TextClassifier) -> None:
    fitted = classifier.fit(examples(150), seed=0)
    loaded = classifier.load(fitted.save())
    inputs = [example.input for example in examples(60, seed=5)]
    assert list(loaded.decide_many(inputs)) == list(fitted.decide_many(inputs))
    assert np.array_equal(loaded.out_of_fold.confidence, fitted.out_of_fold.confidence)
    assert fitted.save() == classifier.fit(examples(150), seed=0).save()
    with pytest.raises(ValueError, match="not known"):
        classifier.load({"terms.json": b'{"format": 99}'})


@pytest.mark.parametrize(
    "given",
    [
        [("a b", "x"), ("c d", "y")],
        [("", "x"), ("", "y"), ("", None)],
        [("!!!", "x"), ("???", "y")] * 3,
        [("only once", "x")] + [("many times", "y")] * 30,
        [("in", "x"), ("out", None)] * 10,
    ],
)
def test_few_or_odd_examples_do_not_break_it(
    classifier: TextClassifier, given: list[tuple[str, str | None]]
) -> None:
    fitted = classifier.fit([example(*item) for item in given], seed=0)
    for answer in fitted.decide_many([Inquiry(text=text) for text in ("", "a b", "zzz" * 500)]):
        if isinstance(answer, Answer):
            assert 0.0 < answer.confidence < 1.0


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_text_that_is_empty_is_unsure(classifier: TextClassifier, text: str) -> None:
    fitted = classifier.fit(examples(200), seed=0)
    nothing, something = fitted.decide_many([Inquiry(text=text), Inquiry(text="send back shoes")])
    assert isinstance(nothing, Unsure)
    assert nothing.reason == "the text is empty."
    assert isinstance(something, Answer)


@pytest.mark.parametrize("given", [[], [("a", "x")] * 20, [("a", None)] * 20])
def test_nothing_to_tell_apart_is_said(
    classifier: TextClassifier, given: list[tuple[str, str | None]]
) -> None:
    with pytest.raises(TrainingError, match="nothing to tell apart"):
        classifier.fit([example(*item) for item in given], seed=0)


def test_an_unfitted_or_unbound_one_says_so(classifier: TextClassifier) -> None:
    with pytest.raises(TrainingError, match="not been fitted"):
        classifier.decide_many([Inquiry(text="a")])
    unbound = TextClassifier(text="text", label="queue").fit(examples(50), seed=0)
    with pytest.raises(ValueError, match="bind"):
        unbound.decide_many([Inquiry(text="send back")])


def test_a_label_that_no_longer_fits_is_unsure() -> None:
    class Narrow(BaseModel):
        queue: int

    fitted = TextClassifier(text="text", label="queue").fit(examples(100), seed=0)
    result = fitted.bind(Inquiry, Narrow).decide_many([Inquiry(text="send back")])
    assert isinstance(result[0], Unsure)
