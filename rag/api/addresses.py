"""Hosts, origins and proxies: by which name the server was called, from which site, and who is really at the other end."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from rag.config import ServerConfig
from rag.errors import ServerError

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Addresses:
    """What the configuration says of names and addresses."""

    def __init__(self, config: ServerConfig) -> None:
        # Else a page of another site could have its own name lead to 127.0.0.1 and read what it gets (DNS rebinding).
        names = config.hosts or (_LOOPBACK_NAMES if is_loopback(config.host) else ())
        self._hosts = frozenset(name.lower() for name in names)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.origins)
        try:
            self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in config.proxies]
        except ValueError as error:
            raise ServerError(f"cannot use server.proxies: {error}. Give addresses or networks such as 10.0.0.0/8.") from error

    def is_host(self, host: str) -> bool:
        """True if the server goes by the name in a Host header."""
        return not self._hosts or _without_port(host.lower()) in self._hosts

    def is_proxy(self, address: str) -> bool:
        """True for the address of a proxy whose headers are believed."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    def is_own_site(self, headers: Headers) -> bool:
        """True unless a browser says that the request comes from a page of a site that is neither this one nor configured."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site") not in ("cross-site", "same-site")
        return origin.lower() in self._origins or urlsplit(origin.lower()).netloc == headers.get("host", "").lower()

    def client(self, scope: Scope) -> tuple[str, str]:
        """Address of the client and scheme that it used, as a trusted proxy tells them if one is in between."""
        headers = Headers(scope=scope)
        peer = scope["client"][0] if scope.get("client") else ""
        if not self.is_proxy(peer):
            return peer, scope["scheme"]
        hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        client = next((hop for hop in reversed(hops) if not self.is_proxy(hop)), peer)
        scheme = headers.get("x-forwarded-proto", scope["scheme"]).split(",")[-1].strip()
        return client, scheme if scheme in ("http", "https") else scope["scheme"]


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    return host.rsplit(":", 1)[0] if ":" in host and not host.endswith("]") else host
