from dataclasses import replace

from spatialrag.evaluation.devices import solved_on
from spatialrag.evaluation.methods import OnScale, Row, standard_rows
from spatialrag.prediction.controls import DepthOnly
from spatialrag.prediction.generag.blend import GeneRAGBlend
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.generag.tuning import ImageWeightChosen
from spatialrag.provenance import plain
from spatialrag.solvers.reference import CoordinateDescent
from spatialrag.solvers.working_set.working_set import WorkingSet


def devices_in(value):
    """Every device of the solvers in plain settings."""
    if not isinstance(value, dict):
        return []
    own = [value["solver"]["device"]] if "solver" in value else []
    return own + [found for part in value.values() for found in devices_in(part)]


def test_every_row_that_solves_is_placed(references):
    rows = standard_rows(GeneRAG(), references, n_core=30, tuned=True)
    before = [devices_in(plain(row.method)) for row in rows]
    placed = solved_on(rows, "cuda")
    for row, found, devices in zip(rows, placed, before, strict=True):
        assert set(devices) <= {"cpu"}
        assert devices_in(plain(found.method)) == ["cuda"] * len(devices)
        assert (found.name, found.groups, found.tuned) == (row.name, row.groups, row.tuned)
    assert sum(map(bool, before)) >= 8
    assert solved_on(rows, "cpu") == rows


def test_methods_within_others_and_what_does_not_solve():
    given = GeneRAG(image_weight=0.3, solver=WorkingSet(tol=1e-5))
    wanted = replace(given, solver=WorkingSet(tol=1e-5, device="cuda:1"))
    for wrap in (GeneRAGBlend, ImageWeightChosen, lambda inner: OnScale(inner, "log1p")):
        assert solved_on([Row("x", wrap(given))], "cuda:1")[0].method == wrap(wanted)
    depth = DepthOnly("log1p")
    assert solved_on([Row("x", depth)], "cuda")[0].method is depth
    slow = GeneRAG(solver=CoordinateDescent())
    assert solved_on([Row("x", slow)], "cuda")[0].method is slow
