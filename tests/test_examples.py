import importlib.util
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


def check_quickstart(evidence):
    assert evidence.cited_value == pytest.approx(evidence.value, rel=1e-5)


def check_domains(adata):
    pytest.importorskip("torch")
    assert adata.obs["domain_semst"].nunique() == 4
    assert adata.obsp["spatial_connectivities"].nnz > 0


CHECKS = {"quickstart": check_quickstart, "domains": check_domains}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    CHECKS[path.stem](module.main())
