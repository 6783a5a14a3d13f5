"""Passwords and other secrets: how they are made, kept and compared. Nothing here is ever logged or written as it is.

Source of the cost: OWASP Password Storage Cheat Sheet, scrypt with N = 2^15, r = 8, p = 3: 32 MiB and some tenths of a second.
"""

import base64
import hashlib
import hmac
import secrets
import threading

from rag.errors import AccessError

_N, _R, _P = 2**15, 8, 3
_MAX_MEMORY = 64 * 1024 * 1024
_ONE = threading.Lock()  # many logins at once must not take the machine
MIN_PASSWORD_CHARS = 10
MAX_PASSWORD_CHARS = 1000


def hash_password(password: str) -> str:
    """Return what is kept of a password: cost, salt and hash.

    Raises: AccessError when it is too short or too long.
    """
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise AccessError(
            f"cannot take this password: it has {len(password)} characters. Take {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS}."
        )
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_scrypt(password, salt, _N, _R, _P))}"


def is_password(password: str, kept: str | None) -> bool:
    """Compare a password with what was kept; `kept` None takes as long, so that time does not tell which users exist."""
    _, n, r, p, salt, digest = (kept or _NOBODY).split("$")
    found = _scrypt(password[:MAX_PASSWORD_CHARS], base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(digest)) and kept is not None


def new_secret() -> str:
    """A random secret of 256 bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 of a secret; enough for one that is random and long, which no list of passwords holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, kept: str) -> bool:
    """Compare a secret with its digest in constant time."""
    return hmac.compare_digest(digest(secret), kept)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    with _ONE:
        return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


_NOBODY = f"scrypt${_N}${_R}${_P}${_text(bytes(16))}${_text(bytes(32))}"
