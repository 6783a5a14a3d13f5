"""How much time, memory and text reading one file may take, and the errors that say which of them was passed.

A file that passed a limit is not read again as long as the limits stay: its error, which the store keeps, names the figure.
"""

import re
from dataclasses import dataclass

from ingest.errors import LimitPassed

# A file up to this size has `timeout_s`, a larger one more in proportion, for a bomb is small by nature: two long annual
# reports as PDF took 16 and 19 s of processor time a megabyte.
_TIMED_BYTES = 10_000_000
_PASSED = re.compile(r"(?:took longer than|needed more than|holds more than) ([\d,]+) (s|MB|characters)\b")


@dataclass(frozen=True)
class ReadLimits:
    """`timeout_s`: seconds of work for a file of up to 10 MB; `workers`: processes that read at once, 0 for all cores."""

    timeout_s: float = 300.0
    max_memory_mb: int = 1024
    max_text_chars: int = 50_000_000
    workers: int = 0

    def seconds(self, n_bytes: int) -> float:
        """Seconds of work that a file of this size may take."""
        return self.timeout_s * max(1.0, n_bytes / _TIMED_BYTES)

    def too_slow(self, n_bytes: int) -> LimitPassed:
        """Error of a file that takes too long."""
        seconds = round(self.seconds(n_bytes))
        return LimitPassed(f"took longer than {seconds:,} s to read. Split it or save it anew, or raise loader.timeout_s")

    def too_large(self) -> LimitPassed:
        """Error of a file that takes too much memory."""
        return LimitPassed(f"needed more than {self.max_memory_mb:,} MB of memory. Split it, or raise loader.max_memory_mb")

    def too_long(self) -> LimitPassed:
        """Error of a file that holds too much text."""
        return LimitPassed(
            f"holds more than {self.max_text_chars:,} characters of text. Split it, or raise loader.max_text_chars"
        )

    def are_wider(self, reason: str, n_bytes: int) -> bool:
        """True if a file failed for this reason under limits that were narrower than these."""
        passed = _PASSED.match(reason)
        if passed is None:
            return False
        now = {"s": round(self.seconds(n_bytes)), "MB": self.max_memory_mb, "characters": self.max_text_chars}
        return now[passed[2]] > int(passed[1].replace(",", ""))
