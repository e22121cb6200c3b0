import numpy as np
from scipy import sparse

from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.generag.blend import GeneRAGBlend
from spatialrag.provenance import fingerprint, origin
from spatialrag.solvers.working_set.working_set import WorkingSet


def test_fingerprint_sees_values_shapes_and_kinds(tmp_path):
    a = np.arange(6.0)
    assert fingerprint(a) == fingerprint(a.copy())
    assert fingerprint(a) != fingerprint(a.reshape(2, 3))
    assert fingerprint(a) != fingerprint(a.astype(np.float32))
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])
    path = tmp_path / "x"
    path.write_bytes(b"1")
    before = fingerprint(path)
    path.write_bytes(b"2")
    assert fingerprint(path) != before


def test_fingerprint_of_sparse_ignores_stored_order():
    dense = np.array([[0, 1.0, 2.0], [3.0, 0, 0]])
    csr = sparse.csr_matrix(dense)
    shuffled = sparse.coo_matrix(([3.0, 2.0, 1.0], ([1, 0, 0], [0, 2, 1]))).tocsr()
    assert fingerprint(csr) == fingerprint(shuffled)


def test_origin_states_method_and_settings():
    record = origin(GeneRAG(image_weight=0.25))
    assert record["method"] == "GeneRAG"
    assert record["settings"]["image_weight"] == 0.25
    assert record["spatialrag"]
    assert record["device"] == "cpu"


def test_origin_states_every_device():
    assert origin()["device"] == "cpu"
    solved = GeneRAG(solver=WorkingSet(device="cuda"))
    assert origin(solved)["device"] == "cuda"
    assert origin(GeneRAGBlend(solved))["device"] == "cuda"
