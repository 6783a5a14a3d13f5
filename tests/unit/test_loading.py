import gc

import pytest

from rag.api.server import _loading


def test_the_collector_works_again_after_loading_even_where_that_fails():
    with _loading():
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() > 0
    gc.unfreeze()
    with pytest.raises(RuntimeError), _loading():
        raise RuntimeError
    assert gc.isenabled()
