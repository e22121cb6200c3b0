"""Hostile names through every door and verb that takes names."""

import json
import tempfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
from attacking.cases import cases
from attacking.command import attempt
from attacking.names import good_name, hostile_text, verdict
from attacking.tables import quoted
from hypothesis import given, strategies as st
from scipy import sparse

from spatialrag.bank.store import read_bank
from spatialrag.errors import InputError
from spatialrag.file_names import file_name
from spatialrag.names import clean_names, clean_part

N_SPOTS, N_GENES = 6, 4
BANK = "bank.zarr"


@cases(60)
@given(name=hostile_text())
def test_the_door_takes_what_is_text_and_refuses_the_rest(name):
    for part in (False, True):
        wanted = verdict(name, part=part)
        try:
            found = (
                clean_part(name) if part else str(clean_names([name], kind="g", subject="t")[0][0])
            )
        except InputError as error:
            assert wanted.fault, f"{name!r} is good, and refused: {error}"
        else:
            assert not wanted.fault, f"{name!r} taken though {wanted.fault}"
            assert found == wanted.name


@cases(40)
@given(name=hostile_text(), other=hostile_text())
def test_names_of_files_stay_in_their_folder_and_apart(name, other):
    made = file_name(name)
    assert Path(made).name == made
    assert made not in ("", ".", "..")
    assert len(made.encode()) <= 255
    if name != other:
        assert made != file_name(other)


def write_counts(path, spots, genes):
    """Write an h5ad with whole numbers that tell rows and columns apart; return them."""
    counts = 1 + np.arange(len(spots))[:, None] * 100 + np.arange(len(genes))
    adata = ad.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    adata.obsm["spatial"] = np.array([[i % 3, i // 3] for i in range(len(spots))], float) * 50
    adata.write_h5ad(path)
    with h5py.File(path, "a") as file:  # AnnData itself would rename, warn or refuse
        for table, names in (("obs", spots), ("var", genes)):
            group = file[table]
            attributes = dict(group[group.attrs["_index"]].attrs)
            del group[group.attrs["_index"]]
            made = group.create_dataset(
                group.attrs["_index"], data=np.array(names, object), dtype=h5py.string_dtype()
            )
            made.attrs.update(attributes)
    return counts


def names_with(number, hostile):
    """Return names among which some are hostile, or the same once they are cleaned."""
    return st.lists(st.one_of(good_name(), good_name(), hostile), min_size=number, max_size=number)


def faults_of(names):
    cleaned = [verdict(name) for name in names]
    taken = [each.name for each in cleaned]
    return any(each.fault for each in cleaned) or len(set(taken)) < len(taken), taken


@cases(4)
@given(
    slide=st.one_of(good_name(), hostile_text()),
    donor=st.one_of(good_name(), hostile_text()),
    spots=st.one_of(
        st.just([f"s{i}" for i in range(N_SPOTS)]), names_with(N_SPOTS, hostile_text())
    ),
    genes=st.one_of(
        st.just([f"G{i}" for i in range(N_GENES)]), names_with(N_GENES, hostile_text())
    ),
    as_table=st.booleans(),
)
def test_a_bank_has_the_names_that_were_given_or_is_not_made(slide, donor, spots, genes, as_table):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        table = folder / "slides.csv"
        if as_table or any("\0" in name for name in (*spots, *genes)):  # HDF5 cannot hold it
            as_table = True
            counts = 1 + np.arange(N_SPOTS)[:, None] * 100 + np.arange(N_GENES)
            lines = [
                ["", *genes],
                *([s, *map(str, row)] for s, row in zip(spots, counts, strict=True)),
            ]
            source = folder / "counts.csv"
            source.write_text("\n".join(",".join(map(quoted, line)) for line in lines) + "\n")
        else:
            source = folder / "counts.h5ad"
            counts = write_counts(source, spots, genes)
        cells = [["slide", "donor", "expression"], [slide, donor, source.name]]
        table.write_text("\n".join(",".join(map(quoted, line)) for line in cells) + "\n")
        bank = folder / BANK
        outcome = attempt(
            "bank", "build", bank, "--slides", table, "--json", folder / "facts.json",
            outputs=[bank, folder / "facts.json"], inputs=[table, source],
        )  # fmt: skip
        whose = verdict(slide, part=True), verdict(donor)
        spots_bad, spot_names = faults_of(spots)
        genes_bad, gene_names = faults_of(genes)
        if any(each.fault for each in whose) or spots_bad:
            assert outcome.refused, str(outcome)
        if outcome.refused:
            return
        made = read_bank(bank)
        assert list(made.slides.index) == [whose[0].name]
        assert list(made.slides["donor"]) == [whose[1].name]
        assert list(made.references["barcode"]) == spot_names
        assert list(made.references.index) == [f"{whose[0].name}:{name}" for name in spot_names]
        if not as_table:  # columns known to be something else than genes are left out of tables
            assert not genes_bad
        found = dict(zip(made.genes.tolist(), made.expression.toarray().T.tolist(), strict=True))
        for name, column in zip(gene_names, counts.T.tolist(), strict=True):
            if name in found:
                np.testing.assert_allclose(np.round(found[name]), column)
        facts = json.loads((folder / "facts.json").read_text())
        assert [each["slide"] for each in facts["slides"]] == [whose[0].name]


@cases(6)
@given(name=hostile_text(), which=st.sampled_from(["--slide", "--donor"]))
def test_removing_what_is_not_there_leaves_the_bank(world, name, which):
    outcome = attempt("bank", "remove", world.bank, f"{which}={name}", outputs=[world.bank])
    assert outcome.refused, str(outcome)


@cases(6)
@given(spot=hostile_text(), gene=hostile_text(), real=st.integers(0, 2))
def test_explaining_what_is_not_there_is_refused(world, spot, gene, real):
    known = ad.read_h5ad(world.prediction)
    if real == 1:
        spot = known.obs_names[0]
    elif real == 2:
        gene = known.var_names[0]
    assume_absent = spot not in known.obs_names or gene not in known.var_names
    outcome = attempt(
        "explain", world.prediction, f"--spot={spot}", f"--gene={gene}", inputs=[world.prediction]
    )
    assert outcome.refused == assume_absent, str(outcome)


@cases(2)
@given(slide=st.one_of(good_name(), hostile_text()))
def test_a_predicted_slide_has_its_name_or_none(world, slide):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "p.h5ad"
        query = [f"--slide={slide}" if x == "toy3" else x for x in world.query if x != "--slide"]
        outcome = attempt(
            "predict", world.bank, out, *query, outputs=[out], inputs=[world.bank, world.spots]
        )
        wanted = verdict(slide, part=True)
        if wanted.fault:
            assert outcome.refused, str(outcome)
        elif wanted.name not in read_bank(world.bank).slides.index:
            assert not outcome.refused, str(outcome)
            assert set(ad.read_h5ad(out).obs["slide"]) == {wanted.name}


@cases(3)
@given(slide=st.one_of(good_name(), hostile_text()))
def test_embedded_slides_stay_in_their_folder(world, slide):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        table = folder / "slides.csv"
        row = [slide, "d", str(world.counts), str(world.image), "2"]
        header = "slide,donor,expression,image,mpp\n"
        table.write_text(header + ",".join(map(quoted, row)) + "\n")
        out = folder / "deep" / "out"
        outcome = attempt("embed", out, "--slides", table, outputs=[folder / "deep"])
        wanted = verdict(slide, part=True)
        assert outcome.refused == bool(wanted.fault), str(outcome)
        if not outcome.refused:
            assert [path.name for path in out.iterdir()] == [f"{file_name(wanted.name)}.npz"]


@cases(3)
@given(name=hostile_text(), option=st.sampled_from(["--section", "--truth", "--layer", "--library",
       "--method", "--scale", "--semantics", "--mode", "--preset", "--clustering"]))  # fmt: skip
def test_words_of_domains_that_mean_nothing_are_refused(world, name, option, tmp_path_factory):
    out = tmp_path_factory.mktemp("d") / "d.h5ad"
    outcome = attempt(
        "domains", world.counts, "--out", out, "--min-spots", 1, "--n-domains", 2,
        f"{option}={name}", outputs=[out], inputs=[world.counts],
    )  # fmt: skip
    assert outcome.refused or not name.strip(), str(outcome)


@pytest.mark.parametrize("name", ["\x1b[31mred\x1b[0m", "a\u202eb"])
def test_names_that_terminals_obey_are_told_harmlessly(world, name):
    outcome = attempt("explain", world.prediction, f"--spot={name}", "--gene=TOY0000")
    assert outcome.refused
