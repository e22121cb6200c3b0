from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.backbone import (
    Backbone,
    Model,
    OnDevice,
    TrainedBackbone,
    make_backbone,
    placed,
    predict_genes,
)
from spatialrag.prediction.backbones.stem.stem import Stem
from spatialrag.prediction.generag import GeneRAG
from spatialrag.provenance import origin


@pytest.fixture
def trained(references):
    genes = references.genes[references.measured_everywhere][:40]
    targets = references.on_scale("log1p_cp10k")[:, np.searchsorted(references.genes, genes)]
    return Ridge(alpha=100).fit(references.embeddings, targets.toarray()), genes


def test_scikit_learn_and_torch_models_plug_in_unregistered(references, queries, trained):
    model, genes = trained
    module = torch.nn.Linear(*model.coef_.T.shape)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(model.coef_))
        module.bias.copy_(torch.from_numpy(model.intercept_))
    predictions = [
        GeneRAG(backbone=Model(m, genes, "log1p_cp10k")).fit(references).predict(queries)
        for m in (model, module)
    ]
    np.testing.assert_allclose(*(p.expression for p in predictions), atol=2e-3, equal_nan=True)
    assert predictions[0].record["anchors"] == 40
    assert isinstance(Model(module, genes, "log1p"), TrainedBackbone)


def test_torch_module_is_left_as_it_was(queries):
    module = torch.nn.Sequential(torch.nn.Linear(queries.encoder.dim, 2), torch.nn.Dropout(0.9))
    module.train()
    model = Model(module, ["A", "B"], "log1p")
    np.testing.assert_array_equal(model.predict(queries), model.predict(queries))
    assert module.training


def test_wrong_models(queries, references, trained):
    with pytest.raises(InputError, match="cannot predict"):
        Model(3, ["A"], "log1p")
    with pytest.raises(InputError, match="is not a backbone"):
        make_backbone(Ridge())
    with pytest.raises(InputError, match=r"(?s)wrong shape.*\(56, 41\)"):
        Model(trained[0], [*trained[1], "extra"], "log1p").predict(queries)
    with pytest.raises(InputError, match="no backbone is called 'stam'"):
        make_backbone("stam")


def test_two_scales_are_never_mixed(references, queries, trained):
    method = GeneRAG(backbone=Model(*trained, "log1p"))
    with pytest.raises(InputError, match=r"(?s)two expression scales.*log1p_cp10k.*got: +log1p"):
        method.fit(references).predict(queries)


def test_nan_from_a_model(references, queries, trained):
    class Broken:
        def predict(self, vectors):
            return np.full((len(vectors), 40), np.nan)

    fitted = GeneRAG(backbone=Model(Broken(), trained[1], "log1p_cp10k")).fit(references)
    with pytest.raises(InputError, match="initial prediction of 'toy4' contains NaN"):
        fitted.predict(replace(queries))


def test_a_registered_backbone_on_a_device(references):
    stem = OnDevice("stem", "cuda:1")
    default = Stem()
    assert stem.settings == replace(default, fitting=replace(default.fitting, device="cuda:1"))
    assert placed(stem.settings, "cpu") == default
    assert isinstance(stem, Backbone)
    assert make_backbone(stem) is stem
    record = origin(GeneRAG(backbone=stem))
    assert record["settings"]["backbone"] == {"name": "stem", "device": "cuda:1"}
    assert record["device"] == "cpu, cuda:1"
    genes = references.genes[references.measured_everywhere][:3]
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        OnDevice("probe", "meta").fit(references, genes, scale="log1p_cp10k")
    trained = OnDevice("probe", "cpu").fit(references, genes, scale="log1p_cp10k")
    assert isinstance(trained, TrainedBackbone)
    with pytest.raises(InputError, match="'Linear' runs on the CPU alone"):
        OnDevice("linear", "cuda")
    with pytest.raises(InputError, match="did you mean 'probe'"):
        OnDevice("prob", "cuda")


def test_named_genes_of_a_prediction(queries):
    values = np.array([[-0.5, 2, np.nan]], np.float32)
    backbone = Model(lambda _: np.repeat(values, 56, axis=0), ["A", "B", "C"], "counts")

    def ask(*genes, scale="counts", clip=False):
        return predict_genes(backbone, queries, np.array(genes), scale=scale, clip=clip)[0]

    np.testing.assert_array_equal(ask("B", "A"), [2, -0.5])
    np.testing.assert_array_equal(ask("B", "A", clip=True), [2, 0])
    np.testing.assert_allclose(ask("A", scale="log1p"), np.log(0.5), rtol=1e-6)
    with pytest.raises(InputError, match="does not predict 1 of the anchor genes"):
        ask("A", "Z")
    with pytest.raises(InputError, match="'toy4' contains NaN or inf"):
        ask("C")
    with pytest.raises(InputError, match="two expression scales would be mixed"):
        ask("A", scale="log1p_cp10k")
