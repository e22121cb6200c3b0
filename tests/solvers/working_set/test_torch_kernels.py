import numpy as np
import pytest

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.stored import write_design
from spatialrag.solvers.working_set.kernels import NumpyKernels
from spatialrag.solvers.working_set.rounds import Rounds

torch = pytest.importorskip("torch")
module = pytest.importorskip("spatialrag.solvers.working_set.torch_kernels", reason="needs torch")


def run(problem, kernels):
    rounds, queries = Rounds.start(problem, 1e-10, 5, kernels), np.arange(problem.n_queries)
    while len(queries):
        queries = rounds.look(queries)
        rounds.solve(queries)
    return rounds.solution().require_converged().weights.toarray()


@pytest.mark.parametrize("elements", [1 << 27, 1])
@pytest.mark.parametrize("positive", [True, False])
def test_agrees_with_numpy_in_batches_of_any_size(rng, monkeypatch, tmp_path, positive, elements):
    monkeypatch.setattr(module, "_ELEMENTS", elements)
    rows = np.abs(rng.normal(size=(2000, 30))).astype(np.float16)
    targets = np.abs(rng.normal(size=(30, 6)))
    more = {"positive": positive, "banned": np.arange(6), "groups": np.arange(2000) % 7}
    problem = Problem(rows.astype(np.float32).T, targets, 2.0, 0.5, **more)
    expected = run(problem, NumpyKernels())
    np.testing.assert_allclose(run(problem, module.TorchKernels("cpu")), expected, atol=1e-6)
    stored = write_design(tmp_path / "design", [rows], (30, 2000))
    problem = Problem(stored, targets, 2.0, 0.5, **more)
    np.testing.assert_allclose(run(problem, module.TorchKernels("cpu")), expected, atol=1e-6)


def test_what_pivoting_does_not_finish_is_handed_on(rng, monkeypatch):
    problem = Problem(rng.normal(size=(20, 300)), rng.normal(size=(20, 3)), 0.3, 0.1)
    expected = run(problem, module.TorchKernels("cpu"))
    monkeypatch.setattr(module, "_STEPS", 1)
    np.testing.assert_allclose(run(problem, module.TorchKernels("cpu")), expected, atol=1e-6)


def test_tf32_widens_the_rounding_bound():
    settings = torch.backends.cuda.matmul
    products = module.TorchProducts.__new__(module.TorchProducts)
    assert products.unit(np.dtype(np.float32)) == 2.0**-24
    before, settings.allow_tf32 = settings.allow_tf32, True
    try:
        assert products.unit(np.dtype(np.float32)) == 2.0**-11
        assert products.unit(np.dtype(np.float64)) == 2.0**-53
    finally:
        settings.allow_tf32 = before
