"""Examples of everything that is exported: each has one, and it runs.

Examples find the objects of `world` under their names: a toy cohort of four sections, a bank of the
first three, and the fourth as queries.
"""

import ast
import doctest
import importlib
import inspect
from pathlib import Path

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import spatialrag as sr
from spatialrag.prediction.ragst.generator import Generator
from spatialrag.training.graph import Training

SOURCE = Path(sr.__file__).parent


def exported():
    """Yield each exported class and function by its full name; of modules, all public functions."""
    for stub in sorted(SOURCE.rglob("__init__.pyi")):
        room = ".".join(("spatialrag", *stub.parent.relative_to(SOURCE).parts))
        for node in ast.walk(ast.parse(stub.read_text())):
            for alias in node.names if isinstance(node, ast.ImportFrom) else ():
                found = getattr(importlib.import_module(room), alias.name)
                if not inspect.ismodule(found):
                    yield f"{room}.{alias.name}", found
                    continue
                for name, each in vars(found).items():
                    own = getattr(each, "__module__", "") == found.__name__
                    if inspect.isfunction(each) and own and not name.startswith("_"):
                        yield f"{found.__name__}.{name}", each


# Some are exported by the package and by their room: the shorter name comes first.
ALL = {
    id(found): (name, found)
    for name, found in sorted(exported(), key=lambda each: -len(each[0]))
    if callable(found)
}
ALL = dict(ALL.values())


@pytest.fixture(scope="module")
def world(toy_sections, toy_bank, toy_cache, toy_table, tmp_path_factory):
    """What examples may use, by name; values that an example changes are made for each anew."""
    rng = np.random.default_rng(0)
    bank, section = toy_bank.without(slides=["toy4"]), toy_sections[3]
    method = sr.GeneRAG(n_anchors=60, backbone="linear")
    queries = toy_bank.embeddings_of("toy4")
    quick = Generator(n_retrieved=8, n_genes=100, training=Training(epochs=1), device="cpu")
    genes = bank.genes[bank.measured_everywhere][:400]
    profiles = rng.gamma(0.5, 4, (3, len(genes)))
    single = ad.AnnData(
        np.repeat(rng.poisson(profiles), 20, axis=0).astype(np.float32),
        obs=pd.DataFrame({"cell_type": np.repeat(["immune", "stroma", "tumor"], 20)}),
        var=pd.DataFrame(index=genes),
    )
    single.obs_names = [f"cell{i}" for i in range(60)]
    cells = sr.cells_from_anndata(single, dataset="atlas")
    return {
        "sr": sr,
        "np": np,
        "pd": pd,
        "toy": toy_table,
        "cache": toy_cache,
        "image": section.image,
        "h5ad": toy_table.parent / "expression" / "toy4.h5ad",
        "sections": toy_sections,
        "section": section,
        "bank": bank,
        "queries": queries,
        "method": method,
        "prediction": method.fit(bank).predict(queries),
        "cells_adata": single,
        "cells": cells,
        "quick": quick,
        "cited": sr.RAGST(cells, residual_share=0.0, generator=quick).fit(bank).predict(queries),
        "tissue": sr.Tissue(section.expression, section.genes, section.spots, section.xy),
        "regions": np.where(section.xy[:, 0] > np.median(section.xy[:, 0]), "right", "left"),
    }


def anndata_of(section):
    return ad.AnnData(
        section.expression.copy(),
        obs=pd.DataFrame(index=section.spots),
        var=pd.DataFrame(index=section.genes),
        obsm={"spatial": section.xy},
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", sorted(ALL))
def test_example(name, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = inspect.unwrap(ALL[name])
    names = vars(inspect.getmodule(found)) | world | {"adata": anndata_of(world["section"])}
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(found) or "", names, name, None, 0)
    assert test.examples, f"{name} has no example"
    said = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    plt.close("all")
    assert not said, "".join(said)
