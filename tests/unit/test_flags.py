"""What a record says yes or no to is compared with what a claim says of it."""

import json

import pytest

from rag.checker.check import Checker
from rag.checker.evidence import Evidence, Source
from rag.checker.flags import flag_agreement
from rag.checker.records import flags
from rag.checker.support import Alignment, LogisticSupport, features

HOTEL = {
    "name": "Casa Lenta",
    "city": "Graz",
    "GuestsReservations": True,
    "GuestsGoodForGroups": False,
    "OutdoorSeating": True,
    "WiFi": "no",
    "has_elevator": None,
    "sauna": None,
    "reviews": [{"stars": 4, "text": "The sauna is small but clean."}],
}
RECORD = json.dumps(HOTEL)


def test_names_of_flags_are_the_things_they_speak_of() -> None:
    assert flags(RECORD) == [("reservation", 1), ("group", -1), ("outdoorseating", 1), ("wifi", -1), ("elevator", 0)]
    assert flags(repr(HOTEL)) == flags(RECORD)


def test_a_longer_value_is_no_flag() -> None:
    assert flags('{"motto": "No smoking", "street": "none-such lane", "free": "free drinks", "quiet": true}') == [("quiet", 1)]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("It takes reservations and has outdoor seating.", 1),
        ("Guests can sit outside, but there is no Wi-Fi.", 1),
        ("It is not suited to groups.", 1),
        ("There is outdoor seating, but the house lacks Wi-Fi.", 1),
        ("It offers Wi-Fi.", -1),
        ("It does not take reservations.", -1),
        ("It has outdoor seating and Wi-Fi.", -1),
        ("It has an elevator.", -1),
        ("It has no elevator.", -1),
        ("It has a small sauna.", 0),
        ("Casa Lenta is in Graz.", 0),
    ],
)
def test_a_claim_is_laid_beside_the_flags_that_it_names(claim: str, expected: int) -> None:
    assert flag_agreement(claim, Evidence([Source(RECORD)])) == expected
    assert features(Alignment(claim, Evidence([Source(RECORD)])), [])["flags"] == expected


def test_prose_has_no_flags() -> None:
    prose = 'The form says "sauna": true, and nothing else.'
    assert flag_agreement("There is no sauna.", Evidence([Source(prose)])) == 0


def test_a_flag_speaks_for_a_claim_that_shares_no_other_word_with_the_record() -> None:
    checker = Checker(model=LogisticSupport())
    claim = "Unfortunately visitors must manage without any wifi whatsoever during their whole stay here."
    (reading,) = checker.read_all([(claim, [RECORD])])
    (other,) = checker.read_all([("Unfortunately visitors must manage without any coffee whatsoever here.", [RECORD])])
    assert reading is not None and reading.speaks
    assert other is not None and not other.speaks
