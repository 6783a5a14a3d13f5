"""The sample folder behind `rag serve`, and Chromium to look at it: for what measures or pictures the assistant."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Served:
    """Where the server is, and the folder of its state."""

    url: str
    state: Path


@contextmanager
def served(root: Path) -> Iterator[Served]:
    """Ingest the sample folder into `root` and serve it, in processes of their own."""
    environment = {**os.environ, "RAG_SERVER__STATE": str(root / "state")}
    here = {"cwd": ROOT, "env": environment, "stdout": subprocess.DEVNULL}
    store = ["--store", str(root / "store")]
    subprocess.run([sys.executable, "-m", "ingest.cli", "data/sample", *store], check=True, **here)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "rag.cli", "serve", "--port", str(port), *store], stderr=subprocess.DEVNULL, **here
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            if server.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.2)
        yield Served(url, root / "state")
    finally:
        server.terminate()
        server.wait()


@contextmanager
def browser() -> Iterator[Any]:
    """A browser as Playwright gives it; CHROMIUM names another program than the one on the path."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        raise SystemExit("there is no Chromium: install it with apt-get install chromium, or name it in CHROMIUM")
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=60).status_code == 200
    except httpx.TransportError:
        return False
