"""The assistant in a real browser: the distribution's Chromium, over a server with a scripted generator and a small store."""

import os
import re
import shutil
import threading
import time

import httpx
import pytest
import uvicorn
from reportlab.pdfgen.canvas import Canvas

from rag.access.database import Database
from rag.generators import Draft
from tests.conftest import FakeEmbedder, made_once
from tests.integration.serving import TRAVEL, build_site, build_store

HOTEL = "What is the hotel limit in Madrid?"
DINNER = "What may a dinner cost?"
MIXED = "What are hotel and dinner limits?"
UNKNOWN = "Who won the chess tournament?"
HOSTILE = "What does the hostile notice say?"
SLOW = "What is the hotel limit, slowly?"
MARKUP = "<b onclick=document.title='owned' autofocus>"
HOSTILE_NAME = "<img src=x onerror=alert(1)>.md"

HOTEL_CLAIM = "The hotel limit in Madrid is 140 euros per night."
N_PAGES = 500
PARCEL = "How much does parcel 437 weigh?"
FILLER = "Filler words of no use. \n\n" * 600
# Sentences of the draft of each question, with the document that each cites; None cites nothing.
SCRIPT = {
    HOTEL: [(HOTEL_CLAIM, "travel.md")],
    DINNER: [("A dinner may cost 35 euros.", "dinner.pdf")],
    MIXED: [
        (HOTEL_CLAIM, "travel.md"),
        ("A dinner may cost 35 euros.", "dinner.pdf"),
        ("Flights are always free of charge.", "travel.md"),
    ],
    PARCEL: [("Parcel 437 weighs 1437 grams.", "handbook.pdf")],
    HOSTILE: [(f"The notice says {MARKUP} to everybody.", HOSTILE_NAME)],
    SLOW: [(HOTEL_CLAIM, "travel.md"), ("Ask your manager.", None)],
}


class Scripted:
    """Writes what is in the script, with markers for the passages found; one question waits for `pause` at the end."""

    name = "scripted"

    def __init__(self):
        self.pause = threading.Event()
        self.requests = []

    def generate(self, request):
        return Draft(text="".join(self.stream(request)))

    def stream(self, request):
        self.requests.append(request)
        names = [passage.document for passage in request.passages]
        for text, document in SCRIPT.get(request.question, [("It was Ana [1].", None)]):
            yield f"{text.removesuffix('.')} [{names.index(document) + 1}]. " if document in names else f"{text} "
        if request.question == SLOW:
            self.pause.wait(20)


class Server:
    """A site behind a real socket."""

    def __init__(self, site):
        self.site = site
        settings = uvicorn.Config(site.app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def get(self, path, **options):
        return httpx.get(self.url + path, **options)

    def kill(self):
        """Break every connection off, as a server that dies does."""
        if not self.thread.is_alive():
            return
        self.server.should_exit = True

        def stop():
            for listening in self.server.servers:  # first, or a browser that comes back at once waits for ever
                listening.close()
            for connection in list(self.server.server_state.connections):
                connection.transport.abort()

        self.server.servers[0].get_loop().call_soon_threadsafe(stop)
        self.thread.join(20)


def write_folder(root, pages=N_PAGES):
    (root / "rules").mkdir(parents=True)
    (root / "travel.md").write_text(TRAVEL + "\nFlights must be booked two weeks ahead.\n", encoding="utf-8")
    (root / "rules" / "long.md").write_text(FILLER + "The umbrella limit is 9 euros.\n", encoding="utf-8")
    (root / HOSTILE_NAME).write_text(f"# Notice\n\nThe notice says {MARKUP} to everybody.\n", encoding="utf-8")
    canvas = Canvas(str(root / "dinner.pdf"))
    canvas.drawString(72, 700, "This page is left as it is.")
    canvas.showPage()
    canvas.setFont("Helvetica", 16)
    canvas.drawString(72, 700, "A dinner may cost 35 euros.")
    canvas.save()
    canvas = Canvas(str(root / "handbook.pdf"))
    for number in range(1, pages + 1):
        canvas.drawString(72, 700, f"Section {number}. Parcel {number} weighs {number + 1000} grams.")
        canvas.showPage()
    canvas.save()
    (root / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")


def wait_until(page, expression):
    """As `page.wait_for_function`, which the policy against scripts of others forbids."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


@pytest.fixture(scope="package")  # Playwright's event loop must be gone before a test elsewhere starts one of its own
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TESTS: playwright is missing, run `make setup`")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("NO BROWSER TESTS: there is no Chromium. Install it (`apt-get install chromium`), or name it in CHROMIUM")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    def make(folder):
        docs = folder.parent / "browser-docs"
        write_folder(docs)
        folder.mkdir()
        build_store(folder, docs, FakeEmbedder())

    return made_once(tmp_path_factory, "browser", make) / "store"


def start_server(root, store, **options):
    generator = Scripted()
    server = Server(build_site(root, store, FakeEmbedder(), generator=generator, **options))
    server.generator = generator
    return server


def stop_server(server):
    server.generator.pause.set()
    server.kill()


@pytest.fixture
def serve(tmp_path, store):
    """Starts servers that a test has for itself, each with a generator of its own as `generator`."""
    running = []

    def start(store=store, **options):
        running.append(start_server(tmp_path, store, **options))
        return running[-1]

    yield start
    for server in running:
        stop_server(server)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory, store):
    server = start_server(tmp_path_factory.mktemp("shared"), store)
    yield server
    stop_server(server)


@pytest.fixture
def server(shared_server):
    """The one server of all tests that neither kill nor configure theirs, as if nobody had asked it anything."""
    with Database.of(shared_server.site.services.config.server.state).open() as db:
        db.execute("delete from conversations")
        db.execute("delete from feedback")
    shared_server.generator.requests.clear()
    shared_server.generator.pause.clear()
    yield shared_server
    shared_server.generator.pause.set()


@pytest.fixture
def browse(chromium):
    """Opens pages; what any of them wrote to the console as an error fails the test, but for what it `expects`."""
    contexts, errors = [], []

    def new_page(url, expects="(?!)", **options):
        context = chromium.new_context(locale=options.pop("locale", "en-GB"), **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        note = lambda text: None if re.search(expects, text) else errors.append(text)  # noqa: E731
        page.on("console", lambda message: note(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: note(str(error)))
        page.on("dialog", lambda dialog: (errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(url)
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert errors == []
