"""What somebody sees and does who asks: claims arrive checked, sources open at the exact words, failures are told."""

import json
import re

import httpx
import pytest

from tests.browser.conftest import DINNER, HOSTILE, HOSTILE_NAME, HOTEL, MARKUP, MIXED, PARCEL, SLOW, UNKNOWN, wait_until

REFUSED = "Failed to load resource|ERR_"


def ask(page, question):
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.locator(".turn").last.locator(".foot").wait_for()
    return page.locator(".turn").last


def mark_in_view(page):
    return page.evaluate(
        "() => { const m = document.querySelector('#source mark').getBoundingClientRect();"
        "const b = document.querySelector('#source .body').getBoundingClientRect();"
        "return m.top >= b.top && m.bottom <= b.bottom }"
    )


def test_a_claim_opens_its_source_at_the_exact_words(server, browse):
    page = browse(server.url)
    turn = ask(page, HOTEL)
    assert turn.locator(".claim").inner_text().startswith("The hotel limit in Madrid is 140 euros per night.")
    assert "1 statement, checked" in turn.locator(".stages").inner_text()
    chip = turn.locator(".chip").first
    chip.hover()
    assert "travel.md" in page.locator("#peek").inner_text() and "140 euros" in page.locator("#peek").inner_text()
    chip.click()
    assert page.locator("#source mark").inner_text() == "The hotel limit in Madrid is 140 euros per night"
    assert mark_in_view(page)
    assert "Flights must be booked" in page.locator("#source .document").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#source").is_hidden()
    assert page.evaluate("document.activeElement.className") == "chip"


def cited(server, question):
    """Addresses of the citations that a program gets for a question."""
    body = {"model": "grounded-rag", "messages": [{"role": "user", "content": question}]}
    message = httpx.post(f"{server.url}/v1/chat/completions", json=body).json()["choices"][0]["message"]
    return [annotation["url_citation"]["url"] for annotation in message["annotations"]]


def test_the_address_of_a_citation_opened_in_a_browser_shows_the_words_in_their_document(server, browse):
    text, pdf = cited(server, MIXED)
    assert httpx.get(text).json()["text"] == "The hotel limit in Madrid is 140 euros per night", "a program gets the words"
    page = browse(text)
    page.locator("#source mark").wait_for()
    assert page.locator("#source mark").inner_text() == "The hotel limit in Madrid is 140 euros per night"
    assert mark_in_view(page) and page.locator("#source .note").count() == 0
    page.goto(pdf)
    page.get_by_role("img", name="Page 2 of dinner.pdf, the quoted words highlighted").wait_for()


def test_the_address_of_words_that_changed_or_of_a_document_that_is_gone_says_so(server, browse):
    text, _ = cited(server, MIXED)
    page = browse(re.sub("crc32=.*", "crc32=00000000", text))
    page.locator("#source .note", has_text="was changed since it was cited").wait_for()
    assert "Flights must be booked" in page.locator("#source .document").inner_text()
    assert page.locator("#source mark").count() == 0
    page = browse(text.replace("travel.md", "other.md"), expects=REFUSED)
    page.locator("#source .note", has_text="not there any more").wait_for()
    page = browse(f"{server.url}/documents/text?document=travel.md&start=x&end=%2E%2E#<b>")
    page.locator("#source .document", has_text="Flights must be booked").wait_for()


def test_several_sources_are_stepped_through_and_a_pdf_shows_its_page(server, browse):
    page = browse(server.url)
    turn = ask(page, MIXED)
    assert turn.locator(".text .chip").all_inner_texts() == ["1", "2"]
    turn.locator(".text .chip").first.click()
    page.locator("#source mark").wait_for()
    with page.expect_response(lambda reply: "documents/page" in reply.url) as shown:
        page.get_by_role("button", name="Next source").click()
    assert int(shown.value.headers["x-marks"]) > 0 and shown.value.headers["x-page"] == "2"
    picture = page.get_by_role("img", name="Page 2 of dinner.pdf, the quoted words highlighted")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    page.get_by_role("button", name="Text", exact=True).click()
    page.locator("#source mark").wait_for()
    assert page.locator("#source mark").inner_text() == "A dinner may cost 35 euros"
    page.get_by_role("button", name="Previous source").click()
    page.locator("#source mark", has_text="140 euros").wait_for()


def test_one_page_of_five_hundred_is_shown(server, browse):
    page = browse(server.url)
    ask(page, PARCEL).locator(".text .chip").first.click()
    picture = page.get_by_role("img", name="Page 437 of handbook.pdf, the quoted words highlighted")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("img", name="Page 438 of handbook.pdf").wait_for()


def test_a_place_far_down_a_long_document_is_in_view(server, browse):
    page = browse(server.url)
    ask(page, "What is the umbrella limit?").locator(".text .chip").first.click()
    page.locator("#source mark").wait_for()
    assert "umbrella limit is 9 euros" in page.locator("#source mark").inner_text()
    assert mark_in_view(page)
    page.locator("#source").get_by_role("button", name="Show more").click()
    wait_until(page, "document.querySelector('#source .document').textContent.length > 10000")


def test_what_is_withheld_is_counted_and_says_why(server, browse):
    turn = ask(browse(server.url), MIXED)
    assert "Flights" not in turn.locator(".text").inner_text()
    assert "1 withheld" in turn.locator(".stages").inner_text()
    turn.get_by_text("1 statement withheld").click()
    told = turn.locator(".withheld li").inner_text()
    assert "Flights are always free of charge." in told and "the cited words do not say so" in told
    turn.get_by_text("How was this checked?").click()
    rows = turn.locator("tbody tr").all_inner_texts()
    assert [re.split(r"\t+", row)[1] for row in rows] == ["supported", "supported", "not supported"]
    turn.get_by_role("button", name="Check again").click()
    turn.get_by_text("It still holds").wait_for()


def test_where_the_documents_do_not_say_the_nearest_passages_are_shown(server, browse):
    page = browse(server.url)
    turn = ask(page, UNKNOWN)
    assert turn.locator(".text").inner_text() == "The documents do not say."
    turn.locator(".passages button").first.click()
    page.locator("#source mark, #source img").wait_for()


def test_a_reload_keeps_the_conversation_and_a_follow_up_knows_it(server, browse):
    page = browse(server.url)
    ask(page, HOTEL)
    ask(page, DINNER)
    assert server.generator.requests[-1].turns[0] == ("user", HOTEL)
    assert server.generator.requests[-1].turns[1][1].startswith("The hotel limit")
    page.reload()
    page.locator(".turn .foot").nth(1).wait_for()
    assert page.locator(".turn .question").all_inner_texts() == [HOTEL, DINNER]
    page.locator(".turn .chip").first.click()
    assert "140 euros" in page.locator("#source mark").inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="New question").click()
    page.fill("#find", "dinner")
    page.locator("#conversations").get_by_role("link", name=HOTEL).click()
    page.locator(".turn .foot").nth(1).wait_for()


def test_a_conversation_is_renamed_exported_and_deleted(server, browse):
    page = browse(server.url)
    ask(page, HOTEL)

    def act(name):
        page.locator("#head summary").click()
        page.get_by_role("button", name=name).click()

    act("Rename")
    page.fill("#dialog-value", "Inns")
    page.keyboard.press("Escape")
    act("Rename")
    assert page.input_value("#dialog-value") == HOTEL
    page.fill("#dialog-value", "Hotels")
    page.keyboard.press("Enter")
    page.locator("#conversations").get_by_role("link", name="Hotels").wait_for()
    with page.expect_download() as kept:
        act("Export as Markdown")
    text = kept.value.path().read_text(encoding="utf-8")
    assert text.startswith("# Hotels\n") and "per night. [^1-1]" in text
    assert "[^1-1]: travel.md: “The hotel limit in Madrid is 140 euros per night”" in text
    with page.expect_download() as kept:
        act("Export as JSON")
    assert json.loads(kept.value.path().read_text(encoding="utf-8"))["turns"][0]["question"] == HOTEL
    act("Delete")
    page.locator("#dialog-yes").click()
    page.get_by_text("Nothing here yet.").wait_for()
    assert server.get("/conversations").json()["total"] == 0


def test_an_answer_is_copied_as_markdown_and_printed_without_the_interface(server, browse):
    page = browse(server.url, permissions=["clipboard-read", "clipboard-write"])
    turn = ask(page, MIXED)
    turn.get_by_role("button", name="Copy with sources").click()
    turn.get_by_text("Copied", exact=True).wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith(f"**{MIXED}**\n") and "140 euros per night. [^1]\n" in text
    assert "[^2]: dinner.pdf, page 2: “A dinner may cost 35 euros”" in text and "1 statement withheld:" in text
    page.emulate_media(media="print")
    assert turn.locator(".text").is_visible() and turn.locator(".sources").is_visible()
    for hidden in ("#side", ".composer", ".actions"):
        assert page.locator(hidden).first.is_hidden(), hidden


def test_a_server_that_dies_in_mid_answer_leaves_what_was_checked_and_says_so(serve, browse):
    server = serve()
    page = browse(server.url, expects=REFUSED)
    page.fill("#question", SLOW)
    page.press("#question", "Enter")
    page.locator(".claim").wait_for()
    server.generator.pause.set()
    server.kill()
    alert = page.get_by_role("alert").filter(has_text="broke off")
    alert.wait_for()
    assert "140 euros" in page.locator(".turn .text").inner_text()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("alert").filter(has_text="cannot be reached").wait_for()
    assert page.input_value("#question") == SLOW


def test_a_slow_answer_says_what_is_going_on_and_shows_what_was_checked_so_far(server, browse):
    page = browse(server.url)
    page.fill("#question", SLOW)
    page.press("#question", "Enter")
    page.locator(".claim", has_text="140 euros").wait_for()
    assert page.locator(".stages .now").count() == 1
    assert page.locator("#ask").is_hidden() and page.locator("#stop").is_visible()
    told = page.locator("#live").inner_text()
    assert "Searching your documents" in told and "140 euros" in told
    page.get_by_role("link", name="Documents", exact=True).click()
    page.get_by_role("button", name="travel.md").wait_for()
    page.get_by_role("link", name="New question").click()
    page.locator("#conversations").get_by_role("link", name=SLOW).wait_for()


def test_an_answer_that_comes_late_leaves_another_view_as_it_is(server, browse):
    page = browse(server.url, expects=REFUSED)
    page.fill("#question", SLOW)
    page.press("#question", "Enter")
    page.locator(".claim").wait_for()
    page.get_by_role("link", name="Documents", exact=True).click()
    server.generator.pause.set()
    page.locator("#ask").wait_for(state="attached")
    wait_until(page, "!document.querySelector('#ask').hidden")
    assert page.url.endswith("#/documents")
    server.generator.pause.clear()
    page.get_by_role("link", name="New question").click()
    page.fill("#question", SLOW)
    page.press("#question", "Enter")
    page.locator(".claim").wait_for()
    page.locator("#conversations a").first.wait_for()
    page.goto(f"{server.url}/#/c/%")
    page.get_by_text("There is no such conversation.").wait_for()
    wait_until(page, "!document.querySelector('#ask').hidden")
    assert page.input_value("#question") == "" and page.url.endswith("#/c/%")


def test_a_title_ends_with_a_whole_character(server, browse):
    question = HOTEL.ljust(199, "?") + "\N{BED}" * 2
    ask(browse(server.url), question)
    assert server.get("/conversations").json()["conversations"][0]["title"] == question[:200]


def test_an_answer_can_be_stopped(server, browse):
    page = browse(server.url)
    page.fill("#question", SLOW)
    page.press("#question", "Enter")
    page.locator(".claim").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("alert").filter(has_text="Stopped").wait_for()
    assert page.locator("#ask").is_visible()


def test_hostile_names_and_texts_stay_text(server, browse):
    page = browse(server.url)
    turn = ask(page, HOSTILE)
    assert MARKUP in turn.locator(".text").inner_text()
    turn.locator(".text .chip").first.click()
    page.locator("#source mark").wait_for()
    assert HOSTILE_NAME in page.locator("#source h2").inner_text() and MARKUP in page.locator("#source .document").inner_text()
    page.goto(f"{server.url}/#/documents")
    page.get_by_role("button", name=HOSTILE_NAME).wait_for()
    page.goto(f"{server.url}/#/")
    ask(page, MARKUP)
    page.locator("#conversations").get_by_role("link", name=MARKUP).wait_for()
    assert page.locator("img, b, [onclick], [onerror]").count() == 0
    assert page.title() == "Ask your documents"


def test_feedback_on_a_citation_reaches_the_administrators(server, browse):
    turn = ask(browse(server.url), HOTEL)
    turn.get_by_role("button", name="Not right").click()
    turn.locator(".complaint select").select_option(index=1)
    turn.locator(".complaint textarea").fill("old price")
    turn.get_by_role("button", name="Send").click()
    turn.get_by_text("it was noted").wait_for()
    said = server.site.services.feedback.page(None, 9)
    assert [(one.rating, one.comment) for one in said] == [("bad", "[1] travel.md: old price")]


def test_it_can_be_used_by_keyboard_alone(server, browse):
    page = browse(server.url)
    wait_until(page, "document.activeElement.id === 'question'")
    page.keyboard.type(HOTEL)
    page.keyboard.press("Enter")
    page.locator(".turn .foot").wait_for()
    wait_until(page, "document.activeElement.id === 'question'")
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('.text .chip')"):
            break
    assert page.locator("#peek").is_visible()
    page.keyboard.press("Enter")
    wait_until(page, "document.activeElement.closest('#source') !== null")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "chip"
    assert "140 euros" in page.locator("#live").inner_text()


@pytest.mark.parametrize("width", [320, 390])
def test_it_fits_a_phone(server, browse, width):
    page = browse(server.url, viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    turn = ask(page, MIXED)
    turn.get_by_text("How was this checked?").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Menu").click()
    page.locator("#conversations").get_by_role("link", name=MIXED).wait_for()
    page.keyboard.press("Escape")
    turn.locator(".text .chip").first.click()
    page.locator("#source mark").wait_for()
    assert page.locator("#source").bounding_box()["width"] == width
    page.get_by_role("button", name="Close").click()
    assert turn.locator(".text").is_visible()


def test_it_speaks_spanish_to_who_reads_spanish_and_can_be_switched(server, browse):
    page = browse(server.url, locale="es-ES")
    turn = ask(page, HOTEL)
    assert "1 afirmación, comprobada" in turn.locator(".stages").inner_text()
    assert page.evaluate("document.documentElement.lang") == "es"
    page.get_by_role("button", name="English").click()
    page.get_by_role("link", name="New question").wait_for()


def test_the_first_load_is_small_and_all_of_it_comes_from_here(server, browse):
    page = browse("about:blank")
    sizes, elsewhere = [], []

    def note(reply):
        sizes.append(len(reply.body()))
        if not reply.url.startswith(server.url):
            elsewhere.append(reply.url)

    page.on("requestfinished", lambda request: note(request.response()))
    page.goto(server.url)
    page.locator("#holds", has_text="documents to ask").wait_for()
    assert elsewhere == [] and 20_000 < sum(sizes) < 200_000
