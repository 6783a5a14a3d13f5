"""Run the application under uvicorn: the address, who must authenticate there, the log. It knows nothing of the routes."""

import errno
import gc
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rag.api.addresses import is_loopback
from rag.config import RagConfig
from rag.engine import build_engine
from rag.errors import ServerError

# Answers under way are finished for so long after the wish to stop.
_GRACE_S = 30


def serve(config: RagConfig) -> int:
    """Serve until stopped; returns the exit status.

    Raises: ServerError when the address cannot be used, or not safely; StoreError when there is nothing to serve; AccessError
    when the access rules cannot be read.
    """
    require_safe(config)
    listener = _listen(config.server.host, config.server.port)
    with _loading():
        import uvicorn

        from rag.api.app import build_app
        from rag.api.logs import start_log
        from rag.api.services import build_services

        embedder = config.embedder.embedder()
        engine = build_engine(config, embedder)
        services = build_services(engine, config, embedder)
        rules = services.rights.current()
        vouched = config.auth.proxy_user_header or config.access.issuer
        if services.is_auth_required and services.accounts.is_empty() and not vouched:
            raise ServerError(
                f"cannot serve on `{config.server.host}`: everybody must authenticate, and there is neither a key nor a user. "
                "Run `rag keys create NAME` or `rag users add NAME` first, or serve on 127.0.0.1."
            )
        if rules and not services.is_auth_required:
            print("note: nobody authenticates, so that only documents open to everyone (`*`) are shown.", file=sys.stderr)
        engine.retriever.search("warm up", 1)  # the first question should not pay for loading the model
    host, port = listener.getsockname()[:2]
    start_log()
    print(f"serving on http://{host}:{port} (routes: /docs)", flush=True)
    settings = uvicorn.Config(
        build_app(services),
        log_level="warning",
        proxy_headers=False,  # `rag.api.addresses` reads them, from configured proxies alone
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    uvicorn.Server(settings).run(sockets=[listener])
    return 0


@contextmanager
def _loading() -> Iterator[None]:
    """What is loaded now stays: the collector would look through it again and again for nothing."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def require_safe(config: RagConfig) -> None:
    """Refuse to serve others without asking who they are.

    Raises: ServerError.
    """
    if config.auth.mode == "off" and not is_loopback(config.server.host):
        raise ServerError(
            f"cannot serve on `{config.server.host}` with auth.mode `off`: others than this machine could reach it. Serve on "
            "127.0.0.1, or set auth.mode to `auto` and make a key with `rag keys create NAME`."
        )
    if config.auth.proxy_user_header and not config.server.proxies:
        raise ServerError(
            f"cannot believe header `{config.auth.proxy_user_header}`: no proxy is trusted. Name its address in server.proxies."
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ServerError(f"cannot serve on `{host}:{port}`: the port is taken. Set another with --port.") from error
        why = getattr(error, "strerror", None) or error
        raise ServerError(f"cannot serve on `{host}:{port}`: {why}. Set another address with --host and --port.") from error
    return listener
