import sys

import pytest

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.solvers.working_set.kernels import NumpyKernels, kernels_for


def test_the_cpu_needs_no_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert isinstance(kernels_for("cpu"), NumpyKernels)
    with pytest.raises(MissingDependencyError, match="solving on 'cuda'"):
        kernels_for("cuda")


def test_an_absent_device_is_an_error():
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    for device in ("cuda", "nonsense"):
        with pytest.raises(InputError, match="there is no device"):
            kernels_for(device)
