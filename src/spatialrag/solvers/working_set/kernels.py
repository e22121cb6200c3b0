"""The inner loops of the working-set solver, by device."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.solvers.designs import Design
from spatialrag.solvers.working_set.products import NumpyProducts, Products
from spatialrag.solvers.working_set.small import SmallProblem


class Kernels(Protocol):
    """Where products with the bank and small problems are computed."""

    @property
    def products(self) -> Callable[..., Products]:
        """Make products of a problem's queries with blocks of the bank."""
        ...

    def extend(self, small: SmallProblem, design: Design, references: np.ndarray) -> None:
        """Add references to a working set."""
        ...

    def refine(self, small: SmallProblem, design: Design) -> bool:
        """Turn to a higher precision; return False when there is none."""
        ...

    def solve(self, smalls: Sequence[SmallProblem], design: Design) -> None:
        """Solve queries on their working sets."""
        ...


class NumpyKernels:
    """The CPU, one query after the other."""

    products = NumpyProducts

    def extend(self, small: SmallProblem, design: Design, references: np.ndarray) -> None:
        """Grow the query's Gram matrix."""
        small.extend(design, references)

    def refine(self, small: SmallProblem, design: Design) -> bool:
        """Rebuild the query's Gram matrix in float64."""
        return small.refine(design)

    def solve(self, smalls: Sequence[SmallProblem], design: Design) -> None:
        """Solve each query."""
        for small in smalls:
            small.solve(design)


def kernels_for(device: str) -> Kernels:
    """Return the kernels of ``cpu`` (no torch) or of a torch device such as ``cuda``.

    Raises
    ------
    InputError
        The device does not exist here.
    MissingDependencyError
        A torch device without torch.
    """
    if device == "cpu":
        return NumpyKernels()
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError(
            "torch", extra="torch", needed_for=f"solving on {device!r}"
        ) from error
    from spatialrag.solvers.working_set.torch_kernels import TorchKernels

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"there is no device {device!r} here",
            expected="cpu, or a device torch can use",
            got=str(error).splitlines()[0],
        ) from error
    return TorchKernels(device)
