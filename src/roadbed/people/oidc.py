"""Sign-in at an identity provider: authorization code with PKCE, state and nonce.

Authlib checks the answers; the requests are sent with httpx2, which Authlib does not support.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.common.security import generate_token, is_secure_transport
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.outbound import PLAIN, AnswerTooLargeError, at_most
from roadbed.people.errors import ProviderError, SignInExpiredError
from roadbed.people.model import Identity
from roadbed.people.service import SQL, hashed
from roadbed.storage.database import Database

# Only asymmetric signatures are accepted.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LEEWAY_SECONDS = 60
_KEEP_SECONDS = 3600.0
_TIMEOUT_SECONDS = 10.0
_WHOLE_TIMEOUT_SECONDS = 20.0  # of a whole answer, which may come in small pieces
_LARGEST_ANSWER = 1_000_000
_LONGEST_SUBJECT = 255  # as OpenID Connect Core has it


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """The redirect, its ``state``, and the secret that the browser keeps meanwhile."""

    address: str
    state: str
    browser: str


class Provider:
    """An identity provider. Its metadata are read once an hour, its keys when a new one appears."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        issuer: str,
        client_id: str,
        client_secret: SecretStr | None,
        claim: str,
        trusts_addresses: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._claim = claim
        self._trusts_addresses = trusts_addresses
        self._described: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._described_until = 0.0

    async def begin(self, *, back_to: str) -> Begun:
        """Begin a sign-in at the provider. Raises ``ProviderError``."""
        described = await self._describe()
        state, browser, nonce, verifier = (generate_token(48) for _ in range(4))
        await self._database.fetch(SQL["forget_begun"])
        await self._database.fetch(
            SQL["begin"],
            {
                "state": hashed(state),
                "browser": hashed(browser),
                "nonce": nonce,
                "verifier": verifier,
            },
        )
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back_to,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        endpoint: str = described["authorization_endpoint"]
        there = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
        return Begun(address=there, state=state, browser=browser)

    async def finish(self, *, code: str, state: str, browser: str, back_to: str) -> Identity:
        """Complete a sign-in with ``code``. Each state works once, in its browser.

        Raises ``SignInExpiredError``, ``ProviderError``.
        """
        row = await self._database.fetch_one(SQL["come_back"], {"state": hashed(state)})
        if row is None or not row["in_time"] or row["browser"] != hashed(browser):
            raise SignInExpiredError
        described = await self._describe()
        answer = await self._exchange(described, code, row["verifier"], back_to)
        claims = await self._judge(described, answer, row["nonce"])
        return self._identity(claims)

    async def _exchange(
        self, described: Mapping[str, Any], code: str, verifier: str, back_to: str
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back_to,
            "code_verifier": verifier,
        }
        secret = self._client_secret.get_secret_value() if self._client_secret else None
        if secret is None:
            form["client_id"] = self._client_id
        return await _ask(
            described["token_endpoint"],
            form=form,
            auth=(self._client_id, secret) if secret is not None else None,
        )

    async def _judge(
        self, described: Mapping[str, Any], answer: Mapping[str, Any], nonce: str
    ) -> Mapping[str, Any]:
        """The claims, after a check of signature, issuer, audience, times and nonce."""
        raw = str(answer.get("id_token", ""))
        try:
            token = await self._verified(described, raw)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": described["issuer"]},
                    "aud": {"essential": True, "value": self._client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": self._client_id,
                    "access_token": answer.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock.now().timestamp()), leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderError(
                sentence("its token is not valid (%(name)s)", name=type(error).__name__)
            ) from error
        return dict(claims)

    async def _verified(self, described: Mapping[str, Any], raw: str) -> jwt.Token:
        known = self._keys
        if known is not None:
            try:
                return jwt.decode(raw, known, algorithms=_ALGORITHMS)
            except (JoseError, ValueError):
                pass  # it may have begun to sign with a new key
        self._keys = KeySet.import_key_set(await _ask(described["jwks_uri"]))  # type: ignore[arg-type]
        return jwt.decode(raw, self._keys, algorithms=_ALGORITHMS)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        subject = _subject(claims.get("sub"))
        leading = _text(claims, self._claim)
        named = self._claim != "email" and "@" not in leading
        address = _text(claims, "email") if named else leading
        # An unverified address may belong to anybody, so it identifies no account.
        verified = self._is_verified(address, claims)
        return Identity(
            issuer=self._issuer,
            subject=subject,
            name=leading if named else None,
            email=address if address and verified else None,
            unverified=address if address and not (named or verified) else None,
            display=_text(claims, "name"),
            nick=_text(claims, "preferred_username") or (address if verified else "") or subject,
        )

    def _is_verified(self, address: str, claims: Mapping[str, Any]) -> bool:
        told = claims.get("email_verified")
        if told is True and address == _text(claims, "email"):
            return True
        return self._trusts_addresses and str(told).lower() in {"none", "true", "1"}

    async def _describe(self) -> Mapping[str, Any]:
        if self._clock.monotonic() < self._described_until:
            return self._described
        metadata = await _ask(f"{self._issuer}/.well-known/openid-configuration")
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
            raise ProviderError(
                sentence("it calls itself by another name than ROADBED_OIDC_ISSUER")
            )
        for item in _ENDPOINTS:
            _refuse_plain(str(metadata.get(item, "")))
        self._described, self._keys = metadata, None
        self._described_until = self._clock.monotonic() + _KEEP_SECONDS
        return metadata


async def _ask(
    address: str,
    *,
    form: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> Mapping[str, Any]:
    _refuse_plain(address)
    try:
        async with (
            asyncio.timeout(_WHOLE_TIMEOUT_SECONDS),
            httpx2.AsyncClient(
                timeout=_TIMEOUT_SECONDS,
                auth=auth,
                headers=PLAIN,
                event_hooks={"response": [at_most(_LARGEST_ANSWER)]},
            ) as http,
        ):
            answer = (
                await http.get(address)
                if form is None
                else await http.post(address, data=dict(form))
            )
    except AnswerTooLargeError as error:
        raise ProviderError(
            sentence("its answer cannot be read: %(error)s", error=error)
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
        raise ProviderError(
            sentence("it does not answer (%(name)s)", name=type(error).__name__)
        ) from error
    if answer.status_code != 200:
        raise ProviderError(
            sentence("it answered with status %(status_code)s", status_code=answer.status_code)
        )
    try:
        content = answer.json()
    except ValueError as error:
        raise ProviderError(sentence("it answered something that is no JSON")) from error
    if not isinstance(content, dict):
        raise ProviderError(sentence("it answered something that is no JSON object"))
    return content


def _subject(subject: object) -> str:
    """The subject. It is not truncated: two people could become one. Raises ``ProviderError``."""
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or "\0" in subject:
        raise ProviderError(sentence("its token is not valid (no subject of 1 to 255 characters)"))
    return subject


def _text(claims: Mapping[str, Any], name: str) -> str:
    return str(claims.get(name) or "").replace("\0", "")[:255]


def _refuse_plain(address: str) -> None:
    """Require TLS, except on loopback."""
    if urlsplit(address).scheme not in {"http", "https"} or not is_secure_transport(address):
        raise ProviderError(sentence("one of its addresses is not https"))
