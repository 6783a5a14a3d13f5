"""Token ids that gpt-oss wrote -> its messages. Nothing but an undoubted message of the channel `final` may ever be shown.

A reader of our own, because the one of openai-harmony stops with an error at words between messages and at a message that
breaks off, and takes control tokens inside a message for its text, reasoning and all. Here a control token always ends the
text before it; what cannot be told apart stays unseen and is counted as malformed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from openai_harmony import HarmonyEncoding

# Source: openai/harmony, o200k_harmony.
RETURN, CONSTRAIN, CHANNEL, START, END, MESSAGE, CALL = 200002, 200003, 200005, 200006, 200007, 200008, 200012
STOP = (RETURN, CALL)
FIRST_SPECIAL = 199998  # this one and all above are control tokens, used or reserved
_END_OF_TEXT = 199999
VOCABULARY_SIZE = 201088

Channel = Literal["analysis", "commentary", "final", "unknown"]
# Anything else in the place of a recipient is a content type or noise. Source: vllm#32587, ollama#12132.
_RECIPIENT = re.compile(r"(?:^|\s)to=((?:functions|browser)\.[\w.]+|python|assistant)(?=\s|$)")
_BROKEN = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Call:
    """A tool call: the tool's name without its namespace `functions.`, and its arguments as they were written."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """What the model wrote in one go. `analysis` is for the monitor alone.

    `is_cut`: it did not come to an end of its own. `n_malformed` counts what was out of place in it.
    """

    final: str
    call: Call | None
    analysis: str
    n_tokens: int
    n_reasoning_tokens: int
    n_malformed: int
    is_cut: bool


@dataclass
class _Message:
    channel: Channel
    recipient: str | None
    ids: list[int] = field(default_factory=list)


class Reader:
    """Reads token ids as they come. `feed` gives the text of `final` as it becomes certain, `reply` the whole at the end.

    `forced_final`: the prompt ends in the header of a final message, so what comes is its text.
    """

    def __init__(self, encoding: "HarmonyEncoding", *, forced_final: bool = False) -> None:
        self._encoding = encoding
        self._closed: list[_Message] = []
        self._open: _Message | None = _Message("final", None) if forced_final else None
        self._header: list[int] | None = None if forced_final else []
        self._n_tokens = 0
        self._n_malformed = 0
        self._given = ""
        self.is_done = False

    def feed(self, ids: Sequence[int]) -> str:
        """Take ids in; returns what they add to the final text."""
        for token in ids:
            if self.is_done:
                break
            self._n_tokens += 1
            self._take(token)
        return self._news(self._final().rstrip(_BROKEN))

    def reply(self) -> Reply:
        """All that was written."""
        messages = [*self._closed, *([self._open] if self._open else [])]
        hidden = [message for message in messages if message.channel != "final"]
        call = next((message for message in self._closed if _is_call(message)), None)
        return Reply(
            final=self._final(),
            call=Call(call.recipient.removeprefix("functions."), self._text(call)) if call and call.recipient else None,
            analysis="\n".join(self._text(message) for message in hidden if not _is_call(message)),
            n_tokens=self._n_tokens,
            n_reasoning_tokens=sum(len(message.ids) for message in hidden if not _is_call(message)),
            n_malformed=self._n_malformed,
            is_cut=not self.is_done,
        )

    def _take(self, token: int) -> None:
        if token < FIRST_SPECIAL:
            self._take_text(token)
        elif token == START:
            self._n_malformed += self._open is not None or bool(self._header)
            self._close()
            self._header = [START]
        elif token in (CHANNEL, CONSTRAIN):
            if self._header is None:  # a header without its beginning
                self._n_malformed += 1
                self._close()
                self._header = []
            self._header.append(token)
        elif token == MESSAGE:
            self._begin()
        elif token in (END, RETURN, CALL, _END_OF_TEXT):
            self._n_malformed += self._open is None
            self._close()
            self._header = None
            self.is_done = token != END
        else:
            self._n_malformed += 1

    def _take_text(self, token: int) -> None:
        if self._header is not None:
            self._header.append(token)
        elif self._open is not None:
            self._open.ids.append(token)
        else:  # words between two messages
            self._n_malformed += 1
            self._open = _Message("unknown", None, [token])

    def _begin(self) -> None:
        header = self._header
        self._close()
        self._open = self._read_header(header) if header is not None else _Message("unknown", None)
        self._header = None
        self._n_malformed += self._open.channel == "unknown"

    def _close(self) -> None:
        if self._open is not None:
            self._closed.append(self._open)
        self._open = None

    def _read_header(self, header: list[int]) -> _Message:
        """Role, channels and content type are what stands between the control tokens of a header."""
        parts: list[tuple[int, list[int]]] = [(START, [])]
        for token in header:
            if token >= FIRST_SPECIAL:
                parts.append((token, []))
            else:
                parts[-1][1].append(token)
        texts = [(kind, self._encoding.decode(ids)) for kind, ids in parts]
        role = "".join(text for kind, text in texts if kind == START).split(" ")[0].strip()
        channels = {(text.split() or [""])[0] for kind, text in texts if kind == CHANNEL}
        recipients = [match[1] for kind, text in texts if kind != CONSTRAIN for match in _RECIPIENT.finditer(text)]
        recipient = recipients[0] if recipients else None
        name = channels.pop() if len(channels) == 1 else ""
        if role not in ("", "assistant") or name not in ("analysis", "commentary", "final"):
            return _Message("unknown", None)
        return _Message(name, recipient)  # type: ignore[arg-type]  # the set above is that of Channel

    def _final(self) -> str:
        messages = [*self._closed, *([self._open] if self._open else [])]
        texts = (self._text(message) for message in messages if message.channel == "final" and not _is_call(message))
        return "\n\n".join(text for text in texts if text)

    def _text(self, message: _Message) -> str:
        return str(self._encoding.decode(message.ids))

    def _news(self, text: str) -> str:
        news = text[len(self._given) :]
        self._given += news
        return news


def _is_call(message: _Message) -> bool:
    return message.recipient is not None and message.recipient != "assistant"
