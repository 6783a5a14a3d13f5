"""Limits say what was passed in words that they know again."""

import pytest

from ingest.limits import ReadLimits

LIMITS = ReadLimits(timeout_s=100, max_memory_mb=1024, max_text_chars=5000)


def test_a_large_file_has_more_time_in_proportion():
    assert LIMITS.seconds(0) == LIMITS.seconds(10_000_000) == 100
    assert LIMITS.seconds(35_000_000) == 350
    assert "350 s" in str(LIMITS.too_slow(35_000_000))


@pytest.mark.parametrize(
    ("error", "wider"),
    [
        (LIMITS.too_slow(25_000_000), ReadLimits(101, 1024, 5000)),
        (LIMITS.too_large(), ReadLimits(100, 1025, 5000)),
        (LIMITS.too_long(), ReadLimits(100, 1024, 5001)),
    ],
)
def test_only_a_limit_that_was_raised_gives_another_try(error, wider):
    assert wider.are_wider(str(error), 25_000_000)
    assert not LIMITS.are_wider(str(error), 25_000_000)
    assert not ReadLimits(1, 1, 1).are_wider(str(error), 25_000_000)
    others = {ReadLimits(999, 1024, 5000), ReadLimits(100, 9999, 5000), ReadLimits(100, 1024, 9999)}
    assert sum(limits.are_wider(str(error), 25_000_000) for limits in others) == 1


def test_other_reasons_are_no_limits():
    assert not ReadLimits(9999, 9999, 9999).are_wider("is damaged: took longer than 1 s", 1)
