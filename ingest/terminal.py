"""A console that no text steers: names of files, words of documents and of models are shown, never obeyed."""

import re
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

# Control characters but line ends and tabs, and marks that turn the direction of what follows.
_STEERING = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def on_one_line(text: str) -> str:
    """A text with `�` for every such character, line ends and tabs too."""
    return re.sub(r"[\t\n]", "�", _STEERING.sub("�", text))


class Terminal(Console):
    """Prints every such character as `�`, in whatever it stands; colours are its own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as a console does, without what steers a terminal."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_STEERING.sub("�", segment.text), segment.style)
