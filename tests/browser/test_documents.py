"""Documents are browsed, uploaded and deleted in a browser; who must log in does; axe finds no fault."""

from pathlib import Path

import pytest

from rag.batch import read_questions
from tests.browser.conftest import DINNER, HOTEL, MIXED, UNKNOWN, wait_until, write_folder
from tests.browser.test_assistant import REFUSED, ask
from tests.conftest import FakeEmbedder
from tests.integration.serving import build_store

PARASOL = "The parasol limit is 12 euros."
PASSWORD = "correct horse battery"
AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def test_uploads_tell_of_each_file_how_it_went_and_can_be_asked_and_deleted(serve, browse):
    server = serve()
    page = browse(f"{server.url}/#/documents")
    files = [("umbrella.md", "An umbrella may cost 12 euros in Oslo."), ("fonts.xyz", "?"), ("bad.pdf", "%PDF-1.7 nothing")]
    make = "(files) => { const t = new DataTransfer(); files.forEach(([n, s]) => t.items.add(new File([s], n))); return t }"
    page.dispatch_event(".drop", "drop", {"dataTransfer": page.evaluate_handle(make, files)})
    told = page.locator("#uploads")
    told.locator(".stored", has_text="umbrella.md").wait_for()
    told.locator(".failed", has_text="bad.pdf").wait_for()
    assert "no loader reads" in told.locator(".refused", has_text="fonts.xyz").inner_text()
    page.locator("#documents").get_by_role("button", name="uploads").click()
    page.get_by_role("button", name="Delete: uploads:umbrella.md").wait_for()
    page.get_by_label("Could not be read").check()
    page.locator("#documents .failed", has_text="bad.pdf").wait_for()
    page.get_by_label("Could not be read").uncheck()
    page.get_by_role("button", name="Delete: uploads:umbrella.md").click()
    page.locator("#dialog-yes").click()
    page.get_by_role("button", name="Delete: uploads:umbrella.md").wait_for(state="detached")
    assert server.get("/documents/status", params={"document": "uploads:umbrella.md"}).status_code == 404


def test_a_folder_is_browsed_and_the_next_question_limited_to_it(server, browse):
    page = browse(f"{server.url}/#/documents")
    page.locator("#documents").get_by_role("button", name="rules").click()
    page.get_by_role("button", name="long.md").click()
    page.locator("#source .document", has_text="Filler").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Ask only these").click()
    ask(page, HOTEL)
    assert {passage.document for passage in server.generator.requests[-1].passages} == {"rules/long.md"}
    page.goto(f"{server.url}/#/documents")
    page.get_by_role("searchbox", name="Search by name").fill("dinner")
    page.get_by_role("button", name="dinner.pdf").click()
    page.get_by_role("img", name="Page 1 of dinner.pdf").wait_for()
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("img", name="Page 2 of dinner.pdf").wait_for()
    assert page.get_by_role("button", name="Next page").is_disabled()


def test_a_folder_of_any_name_is_paged_through_and_asked(serve, browse, tmp_path):
    for name in ("a*b, [x]/one.md", "a*b, [x]/two.md", "aXb, x/three.md"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text(f"# Notes\n\n{PARASOL} {name}\n", encoding="utf-8")
    server = serve(build_store(tmp_path, tmp_path / "docs", FakeEmbedder()))
    page = browse("about:blank")
    small = lambda route: route.continue_(url=route.request.url.replace("limit=1000", "limit=1"))  # noqa: E731
    page.route("**/documents?*", small)
    page.goto(f"{server.url}/#/documents")
    rows = page.locator("#documents li.folder")
    counts = "[...document.querySelectorAll('li.folder .figure')].map(one => one.textContent).join()"
    for known in ("1", "2"):
        wait_until(page, f"{counts} === '{known}'")
        page.get_by_role("button", name="Show more").click()
    wait_until(page, f"{counts} === '2,1'")
    assert page.get_by_role("button", name="Show more").count() == 0
    rows.get_by_role("button", name="a*b, [x]").click()
    page.get_by_role("button", name="Ask only these").click()
    ask(page, "What is the parasol limit?")
    assert {p.document for p in server.generator.requests[-1].passages} == {"a*b, [x]/one.md", "a*b, [x]/two.md"}


def log_in(browse, server, name, password=PASSWORD, path="/"):
    page = browse(server.url + path, expects=REFUSED)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    return page


@pytest.fixture
def guarded(serve, monkeypatch):
    """A server where ana is an administrator and ben, of no group, may ask and read."""
    monkeypatch.setattr("rag.access.passwords._N", 2**8)
    server = serve(auth={"mode": "on"}, rules="*: *\ntravel.md: staff\n", log_questions=True)
    server.site.services.accounts.add_user("ana", PASSWORD, ["admin"])
    server.site.services.accounts.add_user("ben", PASSWORD, ["ask", "read"])
    return server


def test_a_conversation_is_shared_by_link_within_rights(guarded, browse):
    log_in(browse, guarded, "ana", "wrong").get_by_role("alert").filter(has_text="do not fit").wait_for()
    ana = log_in(browse, guarded, "ana")
    ask(ana, DINNER)
    ask(ana, HOTEL)
    ana.locator("#head summary").click()
    ana.get_by_role("button", name="Share by link").click()
    ana.locator("#dialog[open]").wait_for()
    link = ana.input_value("#dialog-value")
    ana.get_by_role("button", name="Close").click()
    ben = log_in(browse, guarded, "ben", path=link.removeprefix(guarded.url))
    ben.locator("#conversation-note", has_text="shared this conversation").wait_for()
    ben.locator(".turn", has_text="A dinner may cost 35 euros.").wait_for()
    ben.locator(".turn", has_text="you may no longer read").wait_for()
    assert "140" not in ben.locator("#turns").inner_text()
    assert ben.locator("#conversations").inner_text() == "Nothing here yet."
    ben.locator("#head summary").click()
    assert ben.get_by_role("button", name="Rename").is_hidden() and ben.get_by_role("button", name="Print").is_visible()
    ben.keyboard.press("Escape")
    ask(ben, "And for two?")
    assert guarded.generator.requests[-1].turns[0] == ("user", DINNER)
    ben.locator("#conversations").get_by_role("link", name="And for two?").wait_for()
    ben.locator("#conversation-note", has_text="further ones know only what you asked here").wait_for()
    assert ben.url != link
    ana.locator("#head summary").click()
    ana.get_by_role("button", name="Share by link").click()
    ana.get_by_role("button", name="Share no longer").click()
    ana.locator("#live", has_text="no longer shared").wait_for(state="attached")
    ben.goto(link)
    ben.get_by_text("There is no such conversation.").wait_for()


def test_the_address_of_a_citation_asks_who_it_is_first_and_shows_only_what_that_user_may_read(guarded, browse):
    place = "/documents/text?document=travel.md&start=0&end=10"
    log_in(browse, guarded, "ana", path=place).locator("#source mark").wait_for()
    page = log_in(browse, guarded, "ben", path=place)
    page.locator("#source .note", has_text="not there any more, or not for you").wait_for()
    assert page.locator("#source mark").count() == 0


def test_nothing_of_a_user_is_left_for_the_next_one(guarded, browse):
    page = log_in(browse, guarded, "ana")
    ask(page, HOTEL)
    page.fill("#question", "a draft")
    page.context.clear_cookies()
    page.fill("#find", "hotel")
    page.locator("#login").get_by_label("Password").wait_for()
    log_in_again(page, "ana")
    page.locator("#shell").wait_for()
    assert page.input_value("#question") == "a draft" and page.locator(".turn").count() == 1
    page.context.clear_cookies()
    page.get_by_role("button", name="Log out").click()
    page.locator("#login").get_by_label("Password").wait_for()
    page.go_back()
    page.locator("#login").get_by_label("Password").wait_for()
    log_in_again(page, "ben")
    page.locator("#who", has_text="ben").wait_for()
    assert page.input_value("#question") == "" and page.locator(".turn").count() == 0
    page.goto(guarded.url + "/#/documents")
    page.wait_for_load_state("networkidle")  # the list is there before the session ends
    page.context.clear_cookies()
    page.get_by_role("searchbox", name="Search by name").fill("travel")
    page.locator("#login").get_by_label("Password").wait_for()
    log_in_again(page, "ana")
    page.locator("#who", has_text="ana").wait_for()
    wait_until(page, "location.hash === ''")
    assert page.locator("#documents").count() == 0


def log_in_again(page, name):
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_an_administrator_sees_what_happened_and_says_who_may_do_what(guarded, browse):
    page = log_in(browse, guarded, "ana")
    ask(page, HOTEL).get_by_role("button", name="Helpful").click()
    page.get_by_text("it was noted").wait_for()
    ask(page, UNKNOWN)
    page.get_by_role("link", name="Overview").click()
    overview = page.locator("#view-overview")
    overview.locator(".failures", has_text="broken.pdf").wait_for()
    overview.locator(".feedback li", has_text=UNKNOWN).filter(has_text="Asked 1 times").wait_for()
    with page.expect_download() as kept:
        page.get_by_role("button", name="Export as evaluation questions").click()
    assert [job.question for job in read_questions(kept.value.path())] == [HOTEL]
    ben = log_in(browse, guarded, "ben")
    ben.locator("#holds", has_text="4 documents").wait_for()
    assert ben.get_by_role("link", name="Overview").is_hidden()
    page.get_by_label("Groups: ben").fill("staff")
    page.get_by_role("button", name="Save: ben").click()
    overview.locator("dl dd", has_text="ben").wait_for()
    ben.reload()
    ben.locator("#holds", has_text="5 documents").wait_for()
    page.get_by_text("Make a key").first.click()
    page.get_by_label("Name of the key").fill("wiki")
    page.get_by_role("button", name="Make a key").click()
    page.locator("#dialog[open]").wait_for()
    key = page.input_value("#dialog-value")
    assert guarded.get("/status", headers={"Authorization": f"Bearer {key}"}).json()["documents"] == 4
    page.locator("#dialog-yes").click()
    page.get_by_role("button", name="Revoke: wiki").click()
    page.locator("#dialog-yes").click()
    page.get_by_role("button", name="Revoke: wiki").wait_for(state="detached")
    page.get_by_role("button", name="Remove: ana").click()
    page.locator("#dialog-yes").click()
    overview.get_by_role("alert").filter(has_text="that is you").wait_for()
    assert faults(page) == []
    page.get_by_role("button", name="Log out").click()
    page.locator("#login").get_by_label("Password").wait_for()


def test_an_old_answer_says_that_its_source_changed_and_the_document_is_read_again(serve, browse, tmp_path):
    write_folder(tmp_path / "docs", pages=1)
    server = serve(build_store(tmp_path, tmp_path / "docs", FakeEmbedder()))
    page = browse(f"{server.url}/#/documents")
    page.set_input_files("#files", [{"name": "umbrella.md", "mimeType": "text/plain", "buffer": PARASOL.encode()}])
    page.locator("#uploads .stored").wait_for()
    page.goto(f"{server.url}/#/")
    ask(page, "What is the parasol limit?")
    uploaded = tmp_path / "state" / "uploads" / "umbrella.md"
    uploaded.write_text(f"News. {PARASOL}", encoding="utf-8")
    page.goto(f"{server.url}/#/documents")
    page.locator("#documents").get_by_role("button", name="uploads").click()
    page.get_by_role("button", name="Read again: uploads:umbrella.md").click()
    page.locator("#uploads .stored", has_text="umbrella.md").wait_for()
    page.locator("#conversations a").first.click()
    page.reload()
    turn = page.locator(".turn")
    turn.get_by_text("Changed or gone since this answer: uploads:umbrella.md").wait_for()
    turn.locator(".text .chip").first.click()
    page.locator("#source .notes", has_text="The quoted words stand here now").wait_for()
    assert page.locator("#source mark").inner_text() == PARASOL


def test_a_question_is_limited_by_date_and_type(server, browse):
    page = browse(server.url)
    page.get_by_text("Limit the search").click()
    page.get_by_label("Changed until").fill("2001-01-01")
    page.get_by_text("Limited search: ≤ 2001-01-01").click()
    turn = ask(page, HOTEL)
    turn.locator(".stages", has_text="A limit on the search may be too narrow").wait_for()
    page.get_by_text("Limited search: ≤ 2001-01-01").click()
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("File type").first.fill(".pdf")
    ask(page, DINNER)
    assert {p.document for p in server.generator.requests[-1].passages} == {"dinner.pdf", "handbook.pdf"}


def faults(page):
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        (fault["id"], [node["html"][:200] for node in fault["nodes"]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(server, browse, scheme):
    page = browse(server.url, color_scheme=scheme)
    page.locator("#holds", has_text="documents").wait_for()
    assert faults(page) == []
    turn = ask(page, MIXED)
    turn.get_by_text("1 statement withheld").click()
    turn.get_by_text("How was this checked?").click()
    turn.locator(".text .chip").first.click()
    page.locator("#source mark").wait_for()
    assert faults(page) == []
    page.goto(f"{server.url}/#/documents")
    page.get_by_role("button", name="travel.md").wait_for()
    assert faults(page) == []
