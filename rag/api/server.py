"""Run the application under uvicorn. It knows the address and nothing of the routes."""

import errno
import socket

from rag.config import RagConfig
from rag.engine import build_engine
from rag.errors import ServerError


def serve(config: RagConfig) -> int:
    """Serve until stopped; returns the exit status.

    Raises: ServerError when the address cannot be used; StoreError when there is nothing to serve.
    """
    listener = _listen(config.server.host, config.server.port)
    import uvicorn

    from rag.api.app import build_app

    engine = build_engine(config)
    engine.retriever.search("warm up", 1)  # the first question should not pay for loading the model
    host, port = listener.getsockname()[:2]
    print(f"serving on http://{host}:{port} (API page: /docs)", flush=True)
    app = build_app(engine, max_concurrent=config.server.max_concurrent)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=30)).run(sockets=[listener])
    return 0


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
