import numpy as np
import pytest

from spatialrag.solvers.working_set.kernels import NumpyKernels


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture(params=["numpy", "torch"])
def kernels(request):
    """Return the same algorithm on arrays and on torch tensors, both on the CPU."""
    if request.param == "numpy":
        return NumpyKernels()
    module = pytest.importorskip(
        "spatialrag.solvers.working_set.torch_kernels", reason="needs torch"
    )
    return module.TorchKernels("cpu")
