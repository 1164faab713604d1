"""Vectors from an endpoint: the protocol on a real socket, limits, repeated requests, errors."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import numpy as np
import pytest

from roadbed.models.embeddings.endpoint import EndpointEmbeddings
from roadbed.models.embeddings.errors import EndpointError
from roadbed.testing import check_embeddings
from tests.vectors import Served, VectorServer, embedded, vector_server

KEY = "sk-local-0123456789"


@pytest.fixture
def server() -> Iterator[VectorServer]:
    with vector_server() as served:
        yield served


def endpoint(server: VectorServer, **more: object) -> EndpointEmbeddings:
    settings: dict[str, object] = {"dimensions": 64, "base_url": server.url, **more}
    return EndpointEmbeddings("small", **settings)  # type: ignore[arg-type]


def test_it_conforms(server: VectorServer) -> None:
    check_embeddings(endpoint(server))


def test_it_sends_batches_with_the_key_and_the_prefix(server: VectorServer) -> None:
    model = endpoint(
        server, key="MY_KEY", prefix="query: ", batch=2, environment={"MY_KEY": f" {KEY} "}
    )
    vectors = model.embed(["one", "  ", "three" * 9_000])
    assert np.allclose(vectors[0], server.model.embed(["query: one"])[0], atol=1e-6)
    assert [body["input"] for body in server.bodies] == [
        ["query: one", "query: ."],
        ["query: " + ("three" * 9_000)[:8_000]],
    ]
    assert {body["model"] for body in server.bodies} == {"small"}
    assert server.keys == [f"Bearer {KEY}"] * 2
    assert model.needs.secrets == ("MY_KEY",)
    assert endpoint(server).needs.secrets == ()
    assert EndpointEmbeddings("small", dimensions=64).needs.secrets == ("OPENAI_API_KEY",)


def test_the_digest_is_of_all_that_changes_vectors(server: VectorServer) -> None:
    variants = [
        endpoint(server),
        endpoint(server, dimensions=32),
        endpoint(server, prefix="query: "),
        endpoint(server, revision="2"),
        endpoint(server, most_characters=100),
    ]
    assert len({model.digest for model in variants}) == 5
    assert endpoint(server, batch=1, seconds=3.0).digest == variants[0].digest


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_repeated(server: VectorServer, status: int) -> None:
    server.script += [Served(status=status, headers={"retry-after": "0"})] * 2
    assert endpoint(server).embed(["a"]).shape == (1, 64)
    assert len(server.bodies) == 3


def test_it_does_not_wait_longer_than_it_may(server: VectorServer) -> None:
    server.script.append(Served(status=429, headers={"retry-after": "3600"}))
    with pytest.raises(EndpointError, match="answered with 429"):
        endpoint(server).embed(["a"])
    server.script += [Served(status=500)] * 9
    with pytest.raises(EndpointError, match="answered with 500"):
        endpoint(server, seconds=0.5).embed(["a"])


@pytest.mark.parametrize(
    ("status", "words"), [(401, "does not accept the key"), (404, "404"), (302, "302")]
)
def test_a_final_failure_is_not_repeated(server: VectorServer, status: int, words: str) -> None:
    server.script.append(
        Served(status=status, headers={"location": "/v1/embeddings"}, body=b"secret text")
    )
    with pytest.raises(EndpointError, match=words) as caught:
        endpoint(server).embed(["a"])
    assert "secret" not in str(caught.value)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"[]",
        b'{"data": 7}',
        b'{"data": []}',
        b'{"data": [{"index": 5, "embedding": [1]}]}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 0, "embedding": "text"}]}',
        embedded([[1.0] * 63]),
        embedded([[0.0] * 64]),
        embedded([[1.0] * 64, [1.0] * 64]),
        json.dumps({"data": [{"index": 0, "embedding": [float("nan")] * 64}]}).encode(),
        b"[" * 50_000,
    ],
)
def test_an_answer_that_holds_no_vectors_is_an_error(server: VectorServer, body: bytes) -> None:
    server.script.append(Served(body=body))
    with pytest.raises(EndpointError):
        endpoint(server).embed(["a"])
    assert len(server.bodies) == 1


def test_an_answer_too_large_or_compressed_is_not_read(server: VectorServer) -> None:
    server.script += [
        Served(body=b" " * 1_000_000),
        Served(body=gzip.compress(b"{}"), headers={"content-encoding": "gzip"}),
    ]
    for _number in range(2):
        with pytest.raises(EndpointError, match="more than vectors need"):
            endpoint(server).embed(["a"])


def test_a_server_that_is_not_there_is_an_error() -> None:
    with vector_server() as gone:
        pass
    with pytest.raises(EndpointError, match="cannot be reached"):
        endpoint(gone, seconds=0.4).embed(["a"])


@pytest.mark.parametrize(
    ("key", "words"), [("", "MY_KEY is not set"), ("a\nb", "a character that no key has")]
)
def test_a_key_that_cannot_be_used_is_not_sent(server: VectorServer, key: str, words: str) -> None:
    with pytest.raises(EndpointError, match=words):
        endpoint(server, key="MY_KEY", environment={"MY_KEY": key}).embed(["a"])
    assert server.bodies == []


@pytest.mark.parametrize(
    "settings",
    [{"base_url": "ftp://x"}, {"dimensions": 0}, {"batch": 0}, {"seconds": 0.0}, {"model": " "}],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"base_url|above zero"):
        EndpointEmbeddings(**{"model": "small", "dimensions": 8, **settings})  # type: ignore[arg-type]
