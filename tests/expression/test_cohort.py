import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.cohort import read_cohort


def test_reads_every_row(toy_sections):
    assert [section.slide for section in toy_sections] == ["toy1", "toy2", "toy3", "toy4"]
    assert {section.donor for section in toy_sections} == {"donor1", "donor2"}
    assert all(section.mpp == 1.0 and section.image.exists() for section in toy_sections)


def test_every_fault_of_the_table_at_once(tmp_path):
    frame = pd.DataFrame({"slide": ["a", "a"], "donor": "d", "expression": "no.h5ad", "size": 1})
    frame.to_csv(tmp_path / "slides.csv", index=False)
    message = r"(?s)3 faults.*unknown column 'size'.*repeated slides: a.*do not exist: no.h5ad"
    with pytest.raises(InputError, match=message):
        read_cohort(tmp_path / "slides.csv")
    with pytest.raises(InputError, match="does not exist"):
        read_cohort(tmp_path / "other.csv")


def counts(path, scale=1.0, **columns):
    adata = ad.AnnData(np.arange(1.0, 7).reshape(2, 3) * scale, obsm={"spatial": np.eye(2)})
    adata.var_names = ["A", "B", "C"]
    adata.layers["counts"] = np.full((2, 3), 7.0)
    adata.obs = pd.DataFrame(columns, index=adata.obs_names)
    adata.write_h5ad(path)


def table(folder, text):
    (folder / "slides.csv").write_text(text, encoding="utf-8")
    return folder / "slides.csv"


def test_columns_say_how_a_file_is_read(tmp_path):
    counts(tmp_path / "a.h5ad", scale=0.5)
    counts(tmp_path / "b.h5ad", library_id=["l1", "l2"])
    read = read_cohort(
        table(
            tmp_path,
            "slide,donor,expression,layer,scale,library,mpp\n"
            'a,d1,a.h5ad,counts,,,"0,5"\n'
            "b,d2,b.h5ad,,,l2,\n"
            "c,d2,a.h5ad,,log1p,,\n",
        )
    )
    assert [section.scale for section in read] == ["counts", "counts", "log1p"]
    assert read[0].expression.toarray().tolist() == [[7] * 3] * 2
    assert read[0].mpp == 0.5
    assert read[1].spots.tolist() == ["1"]
    assert "1 of 2 spots of b are of other slides (l1) and left out" in read[1].notes


def test_names_are_trimmed_kept_as_text_and_checked(tmp_path):
    counts(tmp_path / "a.h5ad")
    text = "\ufeffslide;donor;expression\n007;d2 ;a.h5ad\n1e2;d2; a.h5ad\n"
    sections = read_cohort(table(tmp_path, text))
    assert [(section.slide, section.donor) for section in sections] == [
        ("007", "d2"),
        ("1e2", "d2"),
    ]
    assert sections[0].notes == ("slides.csv is separated by semicolons",)
    rows = "a/b,d,a.h5ad,\n:,d,a.h5ad,\nx, ,a.h5ad,\ny,d,,\nz,d,a.h5ad,fast\n"
    message = (
        r"(?s)5 faults.*a/b: .*cannot be the name.*::.*cannot be.*x: .*donor names are empty.*"
        r"y: no expression.*z: mpp is no number"
    )
    with pytest.raises(InputError, match=message):
        read_cohort(table(tmp_path, "slide,donor,expression,mpp\n" + rows))
    with pytest.raises(InputError, match="scale 'log2' is none of counts"):
        read_cohort(table(tmp_path, "slide,donor,expression,scale\na,d,a.h5ad,log2\n"))
    with pytest.raises(InputError, match="no row"):
        read_cohort(table(tmp_path, "slide,donor,expression\n"))


@pytest.mark.parametrize("content", [b"", b"slide,donor\xe9\n", b"PK\x03\x04", b"<html>", b"\x00"])
def test_tables_that_are_none(tmp_path, content):
    (tmp_path / "slides.csv").write_bytes(content)
    with pytest.raises(InputError, match="slides.csv"):
        read_cohort(tmp_path / "slides.csv")


def test_symbols_beside_ids(tmp_path):
    for name, genes in (("a", [f"ENSG{i:011d}" for i in range(3)]), ("b", ["A", "B", "C"])):
        adata = ad.AnnData(np.ones((2, 3)), obsm={"spatial": np.eye(2)})
        adata.var_names = genes
        adata.var["gene_symbols"] = ["A", "B", "C"]
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    rows = "a,d,a.h5ad,{}\nb,d,b.h5ad,\n"
    header = "slide,donor,expression,gene_column\n"
    with pytest.raises(InputError, match=r"(?s)a and b share 0.*gene_column"):
        read_cohort(table(tmp_path, header + rows.format("")))
    sections = read_cohort(table(tmp_path, header + rows.format("gene_symbols")))
    assert sections[0].genes.tolist() == ["A", "B", "C"]
