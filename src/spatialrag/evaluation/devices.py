"""Rows of a table whose retrieval is solved on a device."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import cast

from spatialrag.evaluation.methods import Row
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.predictor import Predictor
from spatialrag.solvers.working_set.working_set import WorkingSet


def solved_on(rows: Sequence[Row], device: str) -> list[Row]:
    """Return the rows with every GeneRAG among them solving on a device, within others too.

    Parameters
    ----------
    rows
        Rows of a table. Presets bring solvers of their own, so the one of a table's settings does
        not reach them.
    device
        ``cpu``, or a torch device such as ``cuda``.
    """
    return [replace(row, method=solving_on(row.method, device)) for row in rows]


def solving_on(method: Predictor, device: str) -> Predictor:
    """Return a method with the GeneRAG that it is, or is made of, solving on a device."""
    if isinstance(method, GeneRAG):
        if not isinstance(method.solver, WorkingSet):
            return method
        return replace(method, solver=replace(method.solver, device=device))
    # A blend, or a conversion, keeps the method that it is made of in a field.
    if not is_dataclass(method):
        return method
    inner = {
        field.name: solving_on(getattr(method, field.name), device)
        for field in fields(method)
        if isinstance(getattr(method, field.name), GeneRAG)
    }
    return cast(Predictor, replace(method, **inner)) if inner else method
