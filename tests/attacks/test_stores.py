"""Banks on disk of which a file was lost, cut or changed: refused, or as they were."""

import shutil
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from attacking.cases import cases
from attacking.command import attempt
from attacking.files import damages
from hypothesis import given, strategies as st

from spatialrag.bank.bank import Bank
from spatialrag.bank.store import read_bank
from spatialrag.cells.store import read_cells, verify_cells
from spatialrag.errors import BankError, InputError


@st.composite
def harmed(draw, store, folder):
    """Copy a store into a folder and harm one of its files; return the copy and what was done."""
    copy = Path(folder) / store.name
    shutil.copytree(store, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    victim = draw(st.sampled_from(files))
    done = draw(st.one_of(st.just("lost"), damages()))
    if done == "lost":
        victim.unlink()
    else:
        victim.write_bytes(done.of(victim.read_bytes()))
    return copy, f"{victim.relative_to(copy)}: {done}"


def same_bank(one: Bank, other: Bank) -> bool:
    return (
        (one.expression != other.expression).nnz == 0
        and one.genes.tolist() == other.genes.tolist()
        and one.references.equals(other.references)
        and np.array_equal(one.embeddings, other.embeddings)
    )


@pytest.fixture(scope="module")
def whole(world):
    return read_bank(world.bank)


@cases(5)
@given(data=st.data())
def test_a_harmed_bank_is_refused_or_as_it_was(world, whole, data):
    """`verify` finds whatever harms; a reader that takes the bank has the whole one."""
    with tempfile.TemporaryDirectory() as folder:
        copy, done = data.draw(harmed(world.bank, folder))
        verified = attempt("bank", "verify", copy, inputs=[copy])
        try:
            found = read_bank(copy)
        except InputError:
            assert verified.refused, f"read_bank refuses what verify takes; {done}"
            return
        assert verified.refused or same_bank(found, whole), done


@cases(2)
@given(data=st.data(), verb=st.sampled_from(["info", "add", "remove", "predict"]))
def test_verbs_on_a_harmed_bank_leave_it_alone_or_work(world, data, verb):
    with tempfile.TemporaryDirectory() as folder:
        copy, done = data.draw(harmed(world.bank, folder))
        out = Path(folder) / "p.h5ad"
        if verb == "predict":
            outcome = attempt("predict", copy, out, *world.query, outputs=[out], inputs=[copy])
            if not outcome.refused:
                assert np.isfinite(ad.read_h5ad(out).X).all(), done
            return
        extra = {
            "info": (),
            "remove": ("--slide", "toy1"),
            "add": ("--slides", world.table, "--sections", "toy3", "--encoder", "color"),
        }[verb]
        outcome = attempt("bank", verb, copy, *extra, outputs=[copy])
        if verb == "remove" and not outcome.refused:
            assert list(read_bank(copy).slides.index) == ["toy2"], done


@cases(6)
@given(data=st.data())
def test_harmed_cells_are_refused_or_as_they_were(world, data):
    with tempfile.TemporaryDirectory() as folder:
        copy, done = data.draw(harmed(world.cells, folder))
        try:
            found = verify_cells(copy)
        except InputError:
            return
        whole = read_cells(world.cells)
        assert found.genes.tolist() == whole.genes.tolist(), done
        assert (found.expression != whole.expression).nnz == 0, done
        assert found.cells.equals(whole.cells), done


@cases(8)
@given(data=st.data())
def test_a_lost_file_is_noticed_when_a_store_is_opened(world, data):
    store, read = data.draw(st.sampled_from([(world.bank, read_bank), (world.cells, read_cells)]))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / store.name
        shutil.copytree(store, copy)
        chunks = sorted(path for path in copy.rglob("c/**/*") if path.is_file())
        data.draw(st.sampled_from(chunks)).unlink()
        with pytest.raises(BankError, match="damaged"):
            read(copy)
