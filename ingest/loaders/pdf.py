"""PDF: the text of each page, read by pypdf. Pages are ranges of the document's text.

A file encrypted with an empty password opens without asking. Scanned pages without text are empty here.
"""

import io
import logging
import re

from ingest.documents import Page
from ingest.errors import LoadError
from ingest.loaders import Loaded

# pypdf stops at 100,000 elements in one array by default; filings with embedded fonts pass that, so two of twenty real
# quarterly reports were lost. Ten times as much still bounds memory.
_MAX_ELEMENTS = 1_000_000
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]|[\ud800-\udfff]")
_BLANKS = re.compile(r"[ \t\u00a0]{2,}")


def load(data: bytes) -> Loaded:
    """Read a PDF.

    Raises: LoadError when the file is damaged, has a password, or holds no text at all.
    """
    import pypdf
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of every repaired flaw; what fails is raised
    with pypdf.apply_configuration(
        array_maximum_element_count=_MAX_ELEMENTS, dictionary_maximum_element_count=_MAX_ELEMENTS
    ):
        try:
            reader = pypdf.PdfReader(io.BytesIO(data))
            if reader.is_encrypted and not reader.decrypt(""):
                raise LoadError("is protected by a password. Save a copy without one")
            texts, failed = _pages(reader)
            title = str(reader.metadata.title or "") if reader.metadata else ""
        except PyPdfError as error:
            raise LoadError(f"is no PDF that can be read: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, NotImplementedError) as error:
            # pypdf meets broken structures with whatever Python raises there.
            raise LoadError(f"is damaged: {type(error).__name__}: {error}") from error
    if not any(text.strip() for text in texts):
        why = f": {failed[0]}" if failed else ": its pages are images. Run text recognition on it first"
        raise LoadError(f"has no text{why}")
    return _join(texts, title if _is_title(title) else "", failed)


def _pages(reader: "pypdf.PdfReader") -> tuple[list[str], list[str]]:  # type: ignore[name-defined]  # noqa: F821
    """Text of every page; a page that cannot be read is empty and named in the second list."""
    texts, failed = [], []
    for number, page in enumerate(reader.pages, start=1):
        try:
            texts.append(_clean(page.extract_text()))
        except Exception as error:  # noqa: BLE001 - one broken page must not lose the others, and pypdf raises anything
            texts.append("")
            failed.append(f"page {number}: {type(error).__name__}: {error}")
    return texts, failed


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00ad", "")
    text = _UNPRINTABLE.sub("", text)
    text = _BLANKS.sub(" ", text)
    return "\n".join(line.strip() for line in text.split("\n")).strip("\n")


def _join(texts: list[str], title: str, failed: list[str]) -> Loaded:
    pages, parts, position = [], [], 0
    for number, text in enumerate(texts, start=1):
        body = text + "\n\n"
        pages.append(Page(number, position, position + len(body)))
        parts.append(body)
        position += len(body)
    metadata = {"unread_pages": "; ".join(failed)} if failed else {}
    return Loaded(text="".join(parts), title=title, pages=pages, metadata=metadata)


def _is_title(title: str) -> bool:
    """Tools write rubbish there: file names, "untitled", "Microsoft Word - ..."."""
    lowered = title.strip().lower()
    return bool(lowered) and not lowered.startswith(("microsoft word", "untitled", "(anonymous)", "document", "slide 1")) and (
        not re.search(r"\.(docx?|pdf|indd|xlsx?|htm|html|tmp|qxd)\b", lowered)
    )
