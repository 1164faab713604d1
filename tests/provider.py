"""An identity provider over HTTP whose tokens can be wrong in every way that matters."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "roadbed", "open sesame"


@dataclass
class Forger:
    """Gives codes, and for each, once, the token it was told to give."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, Any] = field(default_factory=dict)
    described: dict[str, str] = field(default_factory=dict)
    given: int = 0
    asked: list[str] = field(default_factory=list)

    def code(
        self,
        begun_at: str,
        claims: Mapping[str, Any] | None = None,
        *,
        algorithm: str = "RS256",
        signer: RSAKey | None = None,
    ) -> tuple[str, str]:
        """A code for the sign-in that began at this address, and its state."""
        asked = dict(parse_qsl(urlsplit(begun_at).query))
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": "ana@example.org",
            "email_verified": True,
            **(claims or {}),
        }
        said = {name: value for name, value in said.items() if value is not None}
        self.given += 1
        code = f"code-{self.given}"
        raw = _signed(said, algorithm, signer or self.key)
        self.codes[code] = {"token": raw, "challenge": asked["code_challenge"]}
        return code, asked["state"]

    def exchange(self, form: Mapping[str, str], authorization: str) -> Mapping[str, Any] | None:
        """The answer of the token endpoint; ``None`` is a refusal."""
        result = self.codes.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        if result is None or result["challenge"] != challenge:
            return None
        if authorization != f"Basic {expected}":
            return None
        return {"access_token": "x", "token_type": "Bearer", "id_token": result["token"]}


def _signed(claims: Mapping[str, Any], algorithm: str, key: RSAKey) -> str:
    if algorithm == "none":
        parts = [{"alg": "none", "typ": "JWT"}, claims]
        return ".".join(_b64(json.dumps(part).encode()) for part in parts) + "."
    if algorithm == "HS256":  # the public key taken for a shared secret
        text = ".".join(
            _b64(json.dumps(item).encode()) for item in ({"alg": "HS256", "kid": key.kid}, claims)
        )
        shared = key.as_pem(private=False)
        return f"{text}.{_b64(hmac.digest(shared, text.encode(), 'sha256'))}"
    return jwt.encode({"alg": algorithm, "kid": key.kid}, dict(claims), key)


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def forging() -> Iterator[Forger]:
    """A forger that listens."""
    forger = Forger()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            forger.asked.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                self._answer(200, forger.described)
            else:
                self._answer(200, {"keys": [forger.key.as_dict(private=False)]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            result = forger.exchange(form, self.headers.get("Authorization", ""))
            self._answer(200 if result else 400, result or {"error": "invalid_grant"})

        def _answer(self, status: int, content: Mapping[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forger.issuer = f"http://127.0.0.1:{server.server_port}"
    forger.described = {
        "issuer": forger.issuer,
        "authorization_endpoint": f"{forger.issuer}/authorize",
        "token_endpoint": f"{forger.issuer}/token",
        "jwks_uri": f"{forger.issuer}/keys",
    }
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield forger
    server.shutdown()
    server.server_close()
    thread.join()
