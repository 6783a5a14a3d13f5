"""What somebody sees and does who asks: claims that arrive checked, sources at the exact words, and what is told when it fails."""

from tests.browser.conftest import DINNER, HOSTILE, HOTEL, IMG, MIXED, SLOW, UNKNOWN


def ask(page, question, is_waiting=True):
    page.fill("#question", question)
    page.press("#question", "Enter")
    if is_waiting:
        page.locator(".turn .foot").last.wait_for()
    return page.locator(".turn").last


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
    assert "Flights must be booked" in page.locator("#source .document").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#source").is_hidden()
    assert page.evaluate("document.activeElement.className") == "chip"
