"""What OpenAI's API wants that we call otherwise: ids of models, files and stores, scores, the address of a citation.

Ids are digests of names: the same document keeps its id, and an id tells nothing of what it stands for.
"""

import hashlib
import math
import uuid
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlencode

from fastapi import Request

from rag.answers import Citation, Passage
from rag.api.services import Services
from rag.tools import is_tool_document

MODEL = "grounded-rag"
PLAIN = "-plain"
PLAIN_MODEL = MODEL + PLAIN  # the same, for clients that show annotations: no numbers and no list of sources in the text
_DECIMALS = 6
_ID_CHARS = 24
Link = Callable[[Citation], str]


def file_id(document: str) -> str:
    """The id of a document as a file."""
    return f"file-{_digest(document)}"


def store_id(source: str) -> str:
    """The id of a source as a vector store."""
    return f"vs_{_digest(source)}"


def new_id(prefix: str) -> str:
    """An id that nobody can guess."""
    return f"{prefix}{uuid.uuid4().hex}"


def relevance(passage: Passage) -> float:
    """The retriever's score, which has no bounds, between 0 and 1 in the same order."""
    return round(1 / (1 + math.exp(-max(-50.0, min(50.0, passage.score)))), _DECIMALS)


def score_of(least: float) -> float:
    """The retriever's score from which `relevance` is at least so much; `least` lies between 0 and 1."""
    rounded_up = least - 0.5 * 10**-_DECIMALS  # what is told as just so much was a little less
    return math.log(rounded_up / (1 - rounded_up)) if rounded_up > 0 else -math.inf


def linker(request: Request, services: Services) -> Link:
    """Make the addresses of citations, at `server.public_url` or as the client called the server: page of a PDF, else text.

    A browser that follows one gets to the assistant instead (`rag.api.web`), which sees by `crc32` whether the words changed.
    """
    base = (services.config.server.public_url or str(request.base_url)).rstrip("/")

    def link(citation: Citation) -> str:
        if is_tool_document(citation.document):  # nothing to be opened; clients want an address all the same
            return citation.document
        is_pdf = PurePosixPath(citation.document).suffix.lower() == ".pdf"
        place = {"document": citation.document, "start": citation.start, "end": citation.end}
        page = {"page": citation.page} if is_pdf and citation.page else {}
        check = {"crc32": f"{zlib.crc32(citation.quote.encode()):08x}"}
        return f"{base}/documents/{'page' if is_pdf else 'text'}?{urlencode(place | page | check)}"

    return link


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_ID_CHARS]
