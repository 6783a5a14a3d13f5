"""Flaws that were met in collections of broken files, each rebuilt here as small as it gets."""

import pytest

from ingest.errors import LoadError
from ingest.loaders import load_bytes
from tests.unit.test_loaders import pdf


def test_pdf_with_a_filter_name_that_its_library_has_dropped():
    data = pdf("The valve opens at 40 bar.").replace(b"/ASCII85Decode", b"/A85          ")
    with pytest.raises(LoadError, match="A85"):
        load_bytes(data, "a.pdf")
