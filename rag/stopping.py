"""Stopping an answer on its way: when nobody waits for it any longer, or it takes too long.

Python cannot end a thread from outside, so work looks at a `Stop` between its steps: the pipeline between its events, a
generator that streams between its pieces. A step that has begun is finished.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import GeneratorType

from rag.errors import RagError
from rag.generators import Draft, Generator, Request, StreamingGenerator
from rag.pipeline import Engine


class Stopped(RagError):
    """The work was stopped before it was done."""


class Stop:
    """A wish to stop, or a time by which to. Safe to use from several threads."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._deadline = time.monotonic() + after_s
        self._event = threading.Event()

    def set(self) -> None:
        """Wish the work to stop."""
        self._event.set()

    @property
    def is_late(self) -> bool:
        """True once the time is over."""
        return time.monotonic() > self._deadline

    def check(self) -> None:
        """Go on, if that is still wanted.

        Raises: Stopped.
        """
        if self._event.is_set():
            raise Stopped("cannot finish the answer: nobody waits for it any longer.")
        if self.is_late:
            raise Stopped(
                f"cannot answer: it took longer than {self._after_s:g} seconds. Ask for less, or raise server.timeout_s."
            )


class _Stoppable:
    """A streaming generator that looks at a Stop between its pieces; all else is the generator's own."""

    def __init__(self, generator: Generator, stop: Stop) -> None:
        self._generator = generator
        self._stop = stop
        self.name = generator.name
        self.version = getattr(generator, "version", None)
        self.can_repair = getattr(generator, "can_repair", False)
        self.can_fill = getattr(generator, "can_fill", False)
        self.can_rewrite = getattr(generator, "can_rewrite", False)
        self.can_call = getattr(generator, "can_call", False)

    def generate(self, request: Request) -> Draft:
        self._stop.check()
        return self._generator.generate(request)

    def stream(self, request: Request) -> Iterator[str | Draft]:
        assert isinstance(self._generator, StreamingGenerator)
        pieces = self._generator.stream(request)
        try:
            for piece in pieces:
                self._stop.check()
                yield piece
        finally:
            if isinstance(pieces, GeneratorType):  # at once: an error that is kept would keep the server writing
                pieces.close()


def stoppable(engine: Engine, stop: Stop) -> Engine:
    """The same engine, whose generator stops between its pieces where it has pieces."""
    if not isinstance(engine.generator, StreamingGenerator):
        return engine
    return replace(engine, generator=_Stoppable(engine.generator, stop))
