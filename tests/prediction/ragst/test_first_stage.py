from dataclasses import replace

import numpy as np
import pytest

from spatialrag.cells.cell_bank import CellBank
from spatialrag.errors import InputError
from spatialrag.expression.proportions import Proportions
from spatialrag.prediction.ragst.composition import Composition
from spatialrag.prediction.ragst.first_stage import (
    fit_first_stage,
    groups_of,
    known_columns,
    type_profiles,
)


def test_type_means_mix_to_the_level_of_the_training_spots(atlas, shares, train_bank):
    stage = fit_first_stage(train_bank, atlas, shares, Composition())
    column, known = known_columns(train_bank, stage.genes)
    logs = train_bank.on_scale("log1p_cp10k")[stage.rows].toarray()[:, column[known]]
    mixed = stage.compositions.mean(axis=0) @ stage.means(atlas)[:, known]
    expressed = logs.mean(axis=0) > 0.5
    np.testing.assert_allclose(mixed[expressed], logs.mean(axis=0)[expressed], rtol=0.1)
    assert (stage.platform.factors[~known] == stage.platform.prior).all()
    assert (stage.levels[~known] == 0).all()


def test_spots_without_proportions_are_counted_and_filled(atlas, shares, train_bank):
    keep = np.arange(len(shares.spots)) % 3 > 0
    some = Proportions(shares.values[keep], shares.spots[keep], shares.types)
    stage = fit_first_stage(train_bank, atlas, some, Composition())
    assert stage.n_without == pytest.approx(len(stage.rows) / 3, abs=2)
    np.testing.assert_allclose(stage.compositions.sum(axis=1), 1)


def test_groups_are_donors_or_else_slides(toy_bank):
    rows = np.arange(toy_bank.n_references)
    for n_donors, expected in ((4, "donor"), (2, "slide")):
        donors = [f"d{i % n_donors}" for i in range(len(toy_bank.slides))]
        names = dict(zip(toy_bank.slides.index, donors, strict=True))
        table = toy_bank.references.assign(donor=toy_bank.references["slide"].map(names))
        groups = groups_of(replace(toy_bank, references=table), rows)
        assert groups.tolist() == table[expected].tolist()


def test_unmeasured_genes_of_a_type_take_the_mean_of_the_others(atlas):
    first = (atlas.cells["cell_type"] == "Alpha").to_numpy()
    split = CellBank(
        atlas.expression,
        atlas.genes,
        atlas.cells.assign(dataset=np.where(first, "few", "atlas")),
        np.column_stack([np.arange(len(atlas.genes)) > 10, np.ones(len(atlas.genes), bool)]),
        atlas.datasets.loc[["atlas", "atlas"]].set_axis(["few", "atlas"]),
    )
    means = type_profiles(split, atlas.genes, np.array(["Alpha", "Beta", "Gamma"]))
    whole = type_profiles(atlas, atlas.genes, np.array(["Alpha", "Beta", "Gamma"]))
    np.testing.assert_allclose(means[0, :11], whole[1:, :11].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(means[:, 11:], whole[:, 11:], rtol=1e-5)


def test_a_bank_on_another_scale_cannot_be_deconvolved(atlas, train_bank):
    logs = replace(train_bank, expression=train_bank.on_scale("log1p"), scale="log1p")
    with pytest.raises(InputError, match=r"(?s)none can be deconvolved.*log1p"):
        fit_first_stage(logs, atlas, None, Composition())
