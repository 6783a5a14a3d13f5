"""Documents are browsed, uploaded and deleted in a browser; who must log in does; axe finds no fault."""

from pathlib import Path

import pytest

from tests.browser.conftest import HOTEL, MIXED
from tests.browser.test_assistant import REFUSED, ask

PASSWORD = "correct horse battery"
AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def test_uploads_tell_of_each_file_how_it_went_and_can_be_asked_and_deleted(serve, browse):
    server = serve()
    page = browse(f"{server.url}/#/documents")
    files = [("umbrella.md", "An umbrella may cost 12 euros in Oslo."), ("fonts.xyz", "?"), ("bad.pdf", "%PDF-1.7 nothing")]
    page.set_input_files("#files", [{"name": name, "mimeType": "text/plain", "buffer": text.encode()} for name, text in files])
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


def test_who_must_log_in_does_and_sees_no_conversation_of_others(serve, browse, monkeypatch):
    monkeypatch.setattr("rag.access.passwords._N", 2**8)
    server = serve(auth={"mode": "on"})
    accounts = server.site.services.accounts
    accounts.add_user("ana", PASSWORD, ["admin"])
    accounts.add_user("ben", PASSWORD, ["ask", "read"])

    def log_in(name, password):
        page = browse(server.url, expects=REFUSED)
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        return page

    refused = log_in("ana", "wrong")
    refused.get_by_role("alert").filter(has_text="do not fit").wait_for()
    ana, ben = log_in("ana", PASSWORD), log_in("ben", PASSWORD)
    ask(ana, HOTEL).get_by_role("button", name="Helpful").click()
    ana.get_by_text("it was noted").wait_for()
    ben.get_by_text("Nothing here yet.").wait_for()
    assert ben.get_by_role("link", name="Overview").is_hidden()
    ana.get_by_role("link", name="Overview").click()
    ana.locator(".feedback", has_text=HOTEL).wait_for()
    with ana.expect_download() as kept:
        ana.get_by_role("button", name="Export as evaluation questions").click()
    from rag.batch import read_questions

    assert [job.question for job in read_questions(kept.value.path())] == [HOTEL]
    ana.get_by_role("button", name="Log out").click()
    ana.get_by_label("Password").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(server, browse, scheme):
    page = browse(server.url, color_scheme=scheme)

    def faults():
        page.evaluate(AXE)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        return [
            (fault["id"], [node["html"][:200] for node in fault["nodes"]])
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]

    page.locator("#holds", has_text="documents").wait_for()
    assert faults() == []
    turn = ask(page, MIXED)
    turn.get_by_text("1 statement withheld").click()
    turn.get_by_text("How was this checked?").click()
    turn.locator(".text .chip").first.click()
    page.locator("#source mark").wait_for()
    assert faults() == []
    page.goto(f"{server.url}/#/documents")
    page.get_by_role("button", name="travel.md").wait_for()
    assert faults() == []
