"""Login by OpenID Connect: the authorisation code flow with PKCE, as one client of one issuer. It knows no routes.

What is asked of the issuer, such as its keys, is asked anew at each login: logins are rare, and keys are changed. An identity
token counts only if the issuer signed it, by a public key, for this client and for the login that this browser began.
"""

import hmac
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rag.config import AccessConfig
from rag.errors import AccessError, LoginError

# Public keys alone: with a shared one, whoever knows an issuer's public key could sign.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_LEEWAY_S = 60
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Pending:
    """A login that was begun. The browser keeps it, where no page can read it, until the issuer sends it back."""

    state: str
    nonce: str
    verifier: str
    after: str


@dataclass(frozen=True)
class Proved:
    """Who the issuer says somebody is."""

    name: str
    groups: tuple[str, ...]


class Issuer:
    """The issuer that the configuration names."""

    def __init__(self, config: AccessConfig) -> None:
        self._config = config
        self._secret = os.environ.get(config.client_secret_env, "")

    def begin(self, redirect: str, after: str) -> tuple[str, Pending]:
        """Where to send the browser, which is to come back to `redirect`, and what it is to keep.

        Raises: AccessError when the issuer cannot be asked.
        """
        pending = Pending(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), after)
        with self._client(redirect) as client:
            address = self._told(client)["authorization_endpoint"]
            url, _ = client.create_authorization_url(
                address, state=pending.state, nonce=pending.nonce, code_verifier=pending.verifier
            )
        return str(url), pending

    def finish(self, redirect: str, pending: Pending, state: str, code: str) -> Proved:
        """Who came back with this state and code, by the identity token that the issuer gives for it.

        Raises: LoginError when it proves nothing; AccessError when the issuer cannot be asked.
        """
        from authlib.integrations.httpx_client import OAuthError

        if not hmac.compare_digest(pending.state.encode(), state.encode()):
            raise LoginError("cannot log in: what came back is not of the login that this browser began. Log in again.")
        with self._client(redirect) as client:
            told = self._told(client)
            try:
                with self._asking():
                    token = client.fetch_token(told["token_endpoint"], code=code, code_verifier=pending.verifier)
            except OAuthError as error:
                raise LoginError(f"cannot log in: the issuer does not take the code: {error}. Log in again.") from error
            keys = self._json(client, told["jwks_uri"])
        return self._proved(self._claims(token.get("id_token", ""), keys, pending.nonce))

    def _claims(self, token: str, keys: Any, nonce: str) -> Mapping[str, Any]:
        """The claims of an identity token.

        Raises: LoginError. Source: OpenID Connect Core 1.0, 3.1.3.7.
        """
        from joserfc import jwk, jwt
        from joserfc.errors import JoseError

        client = self._config.client_id
        try:
            claims = jwt.decode(token, jwk.KeySet.import_key_set(keys), algorithms=_ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": self._config.issuer},
                aud={"essential": True, "value": client},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
            if claims.get("azp", client) != client:
                raise LoginError("cannot log in: the identity token was made for another client. Log in again.")
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise LoginError(f"cannot log in: the identity token does not hold: {error}. Log in again.") from error
        return claims

    def _proved(self, claims: Mapping[str, Any]) -> Proved:
        groups = claims.get(self._config.groups_claim, ())
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Proved(str(claims.get(self._config.user_claim, "")), tuple(group for group in groups if isinstance(group, str)))

    def _told(self, client: Any) -> dict[str, str]:
        """What the issuer tells of itself: where its endpoints are."""
        issuer = self._config.issuer
        told = self._json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in wanted):
            raise AccessError(f"cannot log in by `{issuer}`: it does not say where its endpoints are. Check access.issuer.")
        if told.get("issuer") != issuer:
            raise AccessError(
                f"cannot log in by `{issuer}`: it calls itself `{told.get('issuer')}`. Set access.issuer to that."
            )
        return told

    def _json(self, client: Any, url: str) -> Any:
        with self._asking():
            reply = client.request("GET", url, withhold_token=True)
            reply.raise_for_status()
            return reply.json()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        import httpx2

        try:
            yield
        except (httpx2.HTTPError, ValueError) as error:
            why = f"it cannot be reached, or does not answer as an issuer does: {error}"
            raise AccessError(f"cannot log in by `{self._config.issuer}`: {why}. Try again, or check access.issuer.") from error

    def _client(self, redirect: str) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        return OAuth2Client(
            self._config.client_id,
            self._secret or None,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=self._config.scopes,
            redirect_uri=redirect,
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
        )
