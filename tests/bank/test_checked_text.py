import numpy as np
import pytest
import zarr

from spatialrag.bank.checked_text import checked_text


@pytest.fixture
def store(tmp_path):
    group = zarr.open_group(tmp_path / "t.zarr", mode="w", zarr_format=3)
    group.create_array("names", shape=(3,), dtype=str, compressors=None)[:] = ["a", "bé", ""]
    return tmp_path / "t.zarr"


def texts(store):
    return [str(each) for each in zarr.open_group(store, mode="r")["names"][:]]


def test_text_is_read_as_zarr_reads_it(store):
    with checked_text():
        assert texts(store) == ["a", "bé", ""]
    assert texts(store) == ["a", "bé", ""]


@pytest.mark.parametrize("items", [0, 2, 4, 2**30 + 3])
def test_a_header_that_states_another_number_is_refused_before_room_is_made(store, items):
    (chunk,) = (store / "names" / "c").iterdir()
    content = bytearray(chunk.read_bytes())
    content[:4] = np.uint32(items).tobytes()
    chunk.write_bytes(content)
    with checked_text(), pytest.raises(ValueError, match=f"{items} texts stated where 3 are"):
        texts(store)
