"""TextClassifier with embeddings: state, refusals, questions in other languages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from roadbed.models import TextClassifier
from roadbed.models.embeddings.endpoint import EndpointEmbeddings
from roadbed.models.embeddings.errors import EndpointError, OtherEmbeddingsError
from roadbed.models.embeddings.local import LocalEmbeddings
from roadbed.models.embeddings.protocol import Embeddings
from roadbed.models.text.vector_model import VectorModel
from roadbed.usecases.decider import Answer, LabelledExample, needs_of
from tests.unit.test_text_classifier import Inquiry, Routing, examples
from tests.vectors import Trigrams, vector_server

# Written for this test: questions to a shop, ten of each kind in English, four in each language.
ENGLISH = {
    "delivery": [
        "Where is my parcel?",
        "My order has not arrived yet.",
        "When will the package be delivered?",
        "The courier did not come yesterday.",
        "The tracking page shows no movement.",
        "My shipment is late.",
        "How long does shipping take?",
        "The parcel was left with a neighbour I do not know.",
        "Can you tell me when the driver arrives?",
        "The delivery date has passed.",
    ],
    "returns": [
        "I want to send the shoes back.",
        "How do I return an item?",
        "Please send me a return label.",
        "The jacket does not fit and I would like to return it.",
        "Can I exchange this for a larger size?",
        "How many days do I have to give something back?",
        "I changed my mind about the lamp and want to send it back.",
        "Do I have to pay for the return?",
        "I sent the goods back last week, did you receive them?",
        "The colour is wrong, please take it back.",
    ],
    "payment": [
        "I was charged twice.",
        "My card was declined.",
        "When do I get my money back?",
        "The invoice shows the wrong amount.",
        "Can I pay by bank transfer?",
        "There is a charge that I do not recognise.",
        "Please send me an invoice for the tax office.",
        "My refund has not reached my account.",
        "Can I pay in instalments?",
        "The payment failed but the money was taken.",
    ],
    "account": [
        "I forgot my password.",
        "I cannot log in.",
        "Please delete my account.",
        "How do I change my email address?",
        "The code for signing in does not arrive.",
        "My account is locked.",
        "I want to change the name in my profile.",
        "Somebody else used my login.",
        "How do I register?",
        "Please stop sending me the newsletter.",
    ],
}
OTHERS = {
    "German": {
        "delivery": [
            "Wo bleibt mein Paket?",
            "Meine Bestellung ist noch nicht angekommen.",
            "Wann kommt die Lieferung?",
            "Der Zusteller war gestern nicht da.",
        ],
        "returns": [
            "Ich möchte die Schuhe zurückschicken.",
            "Wie kann ich einen Artikel zurückgeben?",
            "Die Hose passt nicht, kann ich sie umtauschen?",
            "Ich brauche ein Etikett für die Rücksendung.",
        ],
        "payment": [
            "Der Betrag wurde zweimal abgebucht.",
            "Meine Karte wurde abgelehnt.",
            "Auf der Rechnung steht ein falscher Betrag.",
            "Kann ich in Raten zahlen?",
        ],
        "account": [
            "Ich habe mein Passwort vergessen.",
            "Ich kann mich nicht anmelden.",
            "Bitte löschen Sie mein Benutzerkonto.",
            "Wie ändere ich meine E-Mail-Adresse?",
        ],
    },
    "Spanish": {
        "delivery": [
            "¿Dónde está mi paquete?",
            "Mi pedido todavía no ha llegado.",
            "¿Cuándo llega el envío?",
            "El repartidor no vino ayer.",
        ],
        "returns": [
            "Quiero devolver los zapatos.",
            "¿Cómo puedo devolver un artículo?",
            "El pantalón no me queda bien, ¿puedo cambiarlo por otra talla?",
            "Necesito una etiqueta para la devolución.",
        ],
        "payment": [
            "Me cobraron dos veces.",
            "Rechazaron mi tarjeta.",
            "La factura muestra un importe equivocado.",
            "¿Puedo pagar a plazos?",
        ],
        "account": [
            "Olvidé mi contraseña.",
            "No puedo iniciar sesión.",
            "Por favor, borren mi cuenta de usuario.",
            "¿Cómo cambio mi dirección de correo electrónico?",
        ],
    },
}


def classifier(embeddings: Embeddings | None) -> TextClassifier:
    return TextClassifier("text", "queue", embeddings=embeddings).bind(Inquiry, Routing)


def share_right(fitted: TextClassifier, questions: Mapping[str, Sequence[str]]) -> float:
    asked = [(text, queue) for queue, texts in questions.items() for text in texts]
    answers = fitted.decide_many([Inquiry(text=text) for text, _ in asked])
    return float(
        np.mean(
            [
                isinstance(answer, Answer) and answer.output == Routing(queue=queue)
                for answer, (_, queue) in zip(answers, asked, strict=True)
            ]
        )
    )


@pytest.fixture(scope="module")
def english() -> tuple[TextClassifier, TextClassifier]:
    """Fitted on English questions: without embeddings, and with the local model."""
    labelled = [
        LabelledExample(input=Inquiry(text=text), output=Routing(queue=queue))
        for place in range(10)
        for queue, texts in ENGLISH.items()
        for text in [texts[place]]
    ]
    without, with_vectors = (
        classifier(model).fit(labelled, seed=0) for model in (None, LocalEmbeddings())
    )
    return without, with_vectors


@pytest.mark.parametrize("language", ["German", "Spanish"])
def test_english_examples_teach_it_other_languages(
    english: tuple[TextClassifier, TextClassifier], language: str
) -> None:
    without, with_vectors = (share_right(fitted, OTHERS[language]) for fitted in english)
    print(f"{language}: {without:.0%} right without embeddings, {with_vectors:.0%} with them")
    assert with_vectors >= 0.75
    assert with_vectors > without + 0.2


def test_saved_and_loaded_it_decides_the_same() -> None:
    model = Trigrams()
    fitted = classifier(model).fit(examples(150), seed=0)
    files = fitted.save()
    assert json.loads(files["terms.json"])["embeddings"] == {
        "name": "trigrams",
        "digest": model.digest,
        "dimensions": 64,
    }
    assert files == classifier(model).fit(examples(150), seed=0).save()
    inputs = [Inquiry(text=text) for text in ("send back", "charged twice", "", "joke")]
    loaded = classifier(model).load(files)
    assert list(loaded.decide_many(inputs)) == list(fitted.decide_many(inputs))
    assert loaded.save() == files


def test_a_state_of_another_model_is_refused() -> None:
    files = classifier(Trigrams()).fit(examples(100), seed=0).save()
    for present, words in (
        (Trigrams(salt="other"), r"trigrams \(\w{12}\) is in use here"),
        (None, "no embedding model is in use here"),
    ):
        with pytest.raises(OtherEmbeddingsError, match=words) as caught:
            classifier(present).load(files)
        assert "roadbed improve" in caught.value.remedy
    with pytest.raises(OtherEmbeddingsError, match="no embedding model"):
        TextClassifier("text", "queue").load(files)  # tests set ROADBED_EMBEDDINGS=none


def test_a_state_without_vectors_is_read_whatever_is_in_use() -> None:
    files = dict(classifier(None).fit(examples(100), seed=0).save())
    inputs = [Inquiry(text="send back")]
    wanted = list(classifier(None).load(files).decide_many(inputs))
    model = Trigrams()
    assert list(classifier(model).load(files).decide_many(inputs)) == wanted
    terms = json.loads(files["terms.json"])
    assert terms.pop("embeddings") is None
    files["terms.json"] = json.dumps(terms | {"format": 2}).encode()  # as written before
    assert list(classifier(model).load(files).decide_many(inputs)) == wanted
    assert model.asked == []


def test_the_setting_chooses_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADBED_EMBEDDINGS", "local")
    files = TextClassifier("text", "queue").fit(examples(60), seed=0).save()
    model = json.loads(files["terms.json"])["embeddings"]
    assert model["name"] == "multilingual-e5-small"
    assert model["digest"] == LocalEmbeddings().digest


@pytest.mark.parametrize("given", [[("a b", "x"), ("c d", "y")], [("", "x"), ("", "y")] * 3])
def test_few_or_odd_examples_do_not_break_it(given: list[tuple[str, str]]) -> None:
    labelled = [
        LabelledExample(input=Inquiry(text=text), output=Routing(queue=queue))
        for text, queue in given
    ]
    fitted = classifier(Trigrams()).fit(labelled, seed=0)
    for answer in fitted.decide_many([Inquiry(text=text) for text in ("a", "a b", "zzz" * 500)]):
        assert isinstance(answer, Answer)
        assert 0.0 < answer.confidence < 1.0


def test_classes_without_examples_have_the_lowest_score() -> None:
    vectors = Trigrams().embed(["send back", "send it back", "charged", "charged twice"])
    for labels, present in (([1, 1, 3, 3], {1, 3}), ([1, 1, 1, 1], {1}), ([0, 1, 3, 3], {0, 1, 3})):
        scores = VectorModel.fit(vectors, np.array(labels), 4).scores(vectors)
        assert set(scores.argmax(axis=1)) <= present
        assert scores.shape == (4, 4)


def test_an_endpoint_that_fails_stops_learning_with_its_reason() -> None:
    with vector_server() as served:
        model = EndpointEmbeddings(
            "small", dimensions=64, base_url=served.url, key="MY_KEY", environment={"MY_KEY": "k"}
        )
        fitted = classifier(model).fit(examples(60), seed=0)
        assert needs_of(fitted).secrets == ("MY_KEY",)
        assert isinstance(fitted.decide_many([Inquiry(text="send back my parcel")])[0], Answer)
    with pytest.raises(EndpointError, match="cannot be reached"):
        classifier(
            EndpointEmbeddings("small", dimensions=64, base_url=served.url, seconds=0.3)
        ).fit(examples(60), seed=0)
