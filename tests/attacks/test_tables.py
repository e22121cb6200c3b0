"""Tables: the same content however it is written, and nothing of what is spoiled in silence."""

import json
import tempfile
from pathlib import Path

import numpy as np
from attacking.cases import cases
from attacking.command import attempt
from attacking.tables import quoted, spoiled, table_text, writings
from hypothesis import given, strategies as st

from spatialrag.bank.store import read_bank
from spatialrag.errors import InputError
from spatialrag.expression.read import read_positions, read_section
from spatialrag.tables.table import read_table

COUNTS = np.array([[3, 0, 12, 5], [0, 7, 1, 2], [9, 4, 0, 1], [2, 2, 8, 6], [1, 0, 5, 30]])
SPOTS = ["S1", "S 2", "007", "1e2", "NA"]
GENES = ["Gé", "SEPT2", "B,2", "nan"]
ROWS = [["", *GENES], *([s, *map(str, row)] for s, row in zip(SPOTS, COUNTS, strict=True))]
PLACES = [["spot", "x", "y"], *([s, str(30 * i), f"{20.5 + i}"] for i, s in enumerate(SPOTS))]
SUFFIXES = st.sampled_from([".csv", ".tsv", ".txt", ".csv.gz", ".dat", ""])


@cases(20)
@given(writing=writings(), suffix=SUFFIXES)
def test_however_counts_are_written_they_are_the_same(writing, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"counts{suffix}"
        path.write_bytes(writing.bytes_of(ROWS))
        section = read_section(path, slide="s", donor="d")
        assert section.spots.tolist() == SPOTS
        assert section.genes.tolist() == GENES
        np.testing.assert_array_equal(section.expression.toarray(), COUNTS)


@cases(20)
@given(writing=writings(), suffix=SUFFIXES, decimal=st.sampled_from(".,"))
def test_however_places_are_written_they_are_the_same(writing, suffix, decimal):
    rows = [[cell.replace(".", decimal) for cell in row] for row in PLACES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"places{suffix}"
        path.write_bytes(writing.bytes_of(rows))
        spots = read_positions(path, slide="s")
        assert spots.spots.tolist() == SPOTS
        wanted = [[30 * i, 20.5 + i] for i in range(len(SPOTS))]
        np.testing.assert_array_equal(spots.xy, wanted)


@cases(60)
@given(spoil=spoiled(ROWS), suffix=SUFFIXES)
def test_the_door_gives_a_table_or_says_what_is_wrong(spoil, suffix):
    content, _ = spoil
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{suffix}"
        path.write_bytes(content)
        for header in (True, None, False):
            try:
                table = read_table(path, header=header)
                table.named()
            except InputError as error:
                assert path.name in str(error), f"which table? {error}"


@cases(60)
@given(spoil=spoiled(ROWS))
def test_spoiled_counts_are_refused_or_as_they_are_written(spoil):
    """What is read stands in the file, cell for cell: nothing is invented, shifted or cut."""
    content, done = spoil
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.csv"
        path.write_bytes(content)
        try:
            section = read_section(path, slide="s", donor="d")
        except InputError:
            return
        values = section.expression.toarray()
        assert np.isfinite(values).all(), done
        assert (values >= 0).all(), done
        for spot, row in zip(section.spots, values, strict=True):
            for gene, value in zip(section.genes, row, strict=True):
                if (
                    spot in SPOTS
                    and gene in GENES
                    and done.split()[0] not in ("bytes", "cell", "cut", "open")
                ):
                    assert value == COUNTS[SPOTS.index(spot), GENES.index(gene)], done


@cases(40)
@given(spoil=spoiled(PLACES))
def test_spoiled_places_are_refused_or_finite(spoil):
    content, done = spoil
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "places.csv"
        path.write_bytes(content)
        try:
            spots = read_positions(path, slide="s")
        except InputError:
            return
        assert np.isfinite(spots.xy).all(), done
        assert len(set(spots.spots.tolist())) == len(spots.spots), done


@cases(4)
@given(spoil=spoiled(ROWS))
def test_a_bank_of_a_spoiled_table_is_whole_or_not_made(spoil):
    content, done = spoil
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        table, counts, bank = folder / "slides.csv", folder / "counts.csv", folder / "bank.zarr"
        counts.write_bytes(content)
        table.write_text("slide,donor,expression\ns,d,counts.csv\n")
        outcome = attempt(
            "bank", "build", bank, "--slides", table, "--json", folder / "facts.json",
            outputs=[bank, folder / "facts.json"], inputs=[table, counts],
        )  # fmt: skip
        if not outcome.refused:
            facts = json.loads((folder / "facts.json").read_text())
            assert facts["references"] == read_bank(bank).n_references, done


def cohort_rows(world):
    """Return a slides.csv of two slides whose paths are absolute."""
    header = ["slide", "donor", "expression", "image", "mpp"]
    folder = world.table.parent
    return [
        header,
        *(
            [name, "d", f"{folder}/expression/{name}.h5ad", f"{folder}/slides/{name}.jpg", "2"]
            for name in ("toy1", "toy2")
        ),
    ]  # fmt: skip


@cases(6)
@given(data=st.data())
def test_a_spoiled_cohort_is_refused_whole_or_read_as_written(world, data):
    content, done = data.draw(spoiled(cohort_rows(world)))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        table, out = folder / "slides.csv", folder / "out"
        table.write_bytes(content)
        outcome = attempt(
            "embed", out, "--slides", table, outputs=[out], inputs=[table, world.table]
        )
        if not outcome.refused:
            assert len(list(out.glob("*.npz"))) >= 1, done


@cases(3)
@given(data=st.data())
def test_spoiled_spots_are_refused_before_a_prediction_is_written(world, data):
    rows = [line.split(",") for line in world.spots.read_text().splitlines()]
    content, _ = data.draw(spoiled(rows))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        spots, out = folder / "spots.csv", folder / "p.h5ad"
        spots.write_bytes(content)
        query = [spots if each == world.spots else each for each in world.query]
        attempt("predict", world.bank, out, *query, outputs=[out], inputs=[world.bank, spots])


@cases(3)
@given(data=st.data())
def test_spoiled_initial_predictions_are_refused_or_used(world, data):
    genes = [f"TOY{i:04d}" for i in range(0, 60, 2)]
    names = [line.split(",")[0] for line in world.spots.read_text().splitlines()[1:]]
    rows = [["", *genes], *([name, *["1.5"] * len(genes)] for name in names)]
    content, _ = data.draw(spoiled(rows))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        initial, out = folder / "theirs.csv", folder / "p.h5ad"
        initial.write_bytes(content)
        given = ["--initial", initial, "--initial-scale", "log1p"]
        attempt("predict", world.bank, out, *world.query, *given, outputs=[out], inputs=[initial])


@cases(3)
@given(data=st.data())
def test_spoiled_regions_and_gene_sets_are_refused_or_used(world, data):
    names = [line.split(",")[0] for line in world.spots.read_text().splitlines()[1:]]
    rows = [["spot", "region"], *([name, "ab"[i % 2]] for i, name in enumerate(names))]
    content, _ = data.draw(spoiled(rows))
    which = data.draw(st.sampled_from(["--regions", "--gmt"]))
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "given.csv", Path(folder) / "e.json"
        file.write_bytes(content)
        attempt(
            "evaluate", world.prediction, world.bank, "--measured", world.counts, "--core", 5,
            "--global", 20, which, file, "--json", out, outputs=[out], inputs=[file],
        )  # fmt: skip


@cases(4)
@given(data=st.data())
def test_spoiled_tables_of_types_are_refused_or_used(world, data):
    rows = [["gene", "A", "B"], *([f"TOY{i:04d}", str(i), str(60 - i)] for i in range(60))]
    kind = data.draw(st.sampled_from(["--profiles", "--type-map"]))
    if kind == "--type-map":
        rows = [["label", "type"], ["A", "T"], ["B", "U"]]
    content, _ = data.draw(spoiled(rows))
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "given.csv", Path(folder) / "c.zarr"
        file.write_bytes(content)
        cells = ["--cells", world.folder / "cells.h5ad"] if kind == "--type-map" else []
        attempt("cells", "build", out, *cells, kind, file, outputs=[out], inputs=[file])


def test_quoting_of_the_attack_itself():
    assert quoted('a,"b') == '"a,""b"'
    assert table_text([["", "x"]]) == ",x\n"
