import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.errors import InputError  # noqa: E402
from spatialrag.tensor_file import read_tensor  # noqa: E402


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
