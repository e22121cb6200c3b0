import anndata as ad
import numpy as np

from spatialrag.keys import record_of, write_record


def adata(record=None, *layers):
    made = ad.AnnData(np.ones((3, 2), np.float32))
    if record is not None:
        made.uns["spatialrag"] = record
    for name in layers:
        made.layers[name] = made.X.copy()
    return made


def test_records_of_matrices_lie_apart(tmp_path):
    given = adata(None, "predicted", "counts")
    assert record_of(given) == record_of(given, "predicted") == {}
    write_record(given, {"scale": "log1p_cp10k"}, layer="predicted")
    assert record_of(given) == {}
    write_record(given, {"scale": "log1p"})
    write_record(given, {"scale": "counts"}, layer="counts")
    given.write_h5ad(tmp_path / "x.h5ad")
    read = ad.read_h5ad(tmp_path / "x.h5ad")
    assert record_of(read) == {"scale": "log1p"}
    assert record_of(read, "predicted") == {"scale": "log1p_cp10k"}
    assert record_of(read, "counts") == {"scale": "counts"}
    assert record_of(read, "other") == {}
    del read.layers["predicted"]
    write_record(read, {"scale": "counts"})
    assert record_of(read, "predicted") == {}


def test_records_of_version_0_1_belong_to_their_layers():
    # As tl.predict left it.
    given = adata({"layer": "predicted", "scale": "log1p_cp10k", "slide": "s"}, "predicted")
    assert record_of(given) == {}
    assert record_of(given, "predicted") == {"scale": "log1p_cp10k", "slide": "s"}
    given.layers["second"] = given.X.copy()
    write_record(given, {"scale": "log1p"}, layer="second")
    assert record_of(given) == {}
    assert record_of(given, "predicted")["slide"] == "s"
    # As `domains` left counts: X holds counts per 10,000.
    given = adata({"scale": "counts", "min_spots": 10, "n_genes": 2}, "counts")
    assert record_of(given) == {}
    assert record_of(given, "counts")["scale"] == "counts"
    # As it left logarithms, and as a prediction is written: of X, whatever layers were added.
    for record in ({"scale": "log1p_cp10k", "min_spots": 10}, {"scale": "counts", "origin": "{}"}):
        assert record_of(adata(record, "counts")) == record


def test_what_others_keep_there_is_no_record():
    assert record_of(adata("a note")) == {}
    given = adata("a note", "predicted")
    write_record(given, {"scale": "log1p"}, layer="predicted")
    assert record_of(given, "predicted") == {"scale": "log1p"}
