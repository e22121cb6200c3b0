import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.errors import InputError  # noqa: E402
from spatialrag.tensor_file import read_array, read_tensor  # noqa: E402


def test_one_tensor_is_read_and_nothing_else(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(torch.arange(6, dtype=torch.float16).reshape(2, 3), path)
    found = read_tensor(path)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 1, 2], [3, 4, 5]])
    torch.save({"features": torch.ones(2)}, path)
    with pytest.raises(InputError, match="holds a dict"):
        read_tensor(path)
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(InputError, match="could execute code"):
        read_tensor(path)


def test_incomplete_tensors(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(torch.ones(3), path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:5], whole[:100], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a.pt (cannot be read|is refused)"):
            read_tensor(path)
    with pytest.raises(InputError, match="no such file"):
        read_tensor(tmp_path / "none.pt")
    torch.save(torch.ones(2, dtype=torch.complex64), path)
    with pytest.raises(InputError, match="of the kind torch.complex64"):
        read_tensor(path)


def test_arrays(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(read_array(path), [[0, 1, 2], [3, 4, 5]])
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:5], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"(?s)a.npy cannot be read.*write it again"):
            read_array(path)
    np.save(path, np.array([{"a": 1}], object))
    with pytest.raises(InputError, match="allow_pickle"):
        read_array(path)
    with path.open("wb") as stream:
        np.savez(stream, a=np.ones(2))
    with pytest.raises(InputError, match="several arrays"):
        read_array(path)
    with pytest.raises(InputError, match="no such file"):
        read_array(tmp_path / "none.npy")
