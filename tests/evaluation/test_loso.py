import numpy as np
import pytest

from spatialrag.bank.bank import section_of
from spatialrag.bank.build import join_banks
from spatialrag.errors import InputError
from spatialrag.evaluation.loso import loso, references_for
from spatialrag.evaluation.methods import Row
from spatialrag.prediction.controls import MeanProfile
from spatialrag.prediction.generag import GeneRAG

METHOD = GeneRAG(n_anchors=60, strength=0.2)


class Spy:
    """Records which slides each fold may learn from."""

    def __init__(self):
        self.seen = []

    def fit(self, bank):
        self.seen.append(tuple(bank.slides.index))
        return MeanProfile().fit(bank)


@pytest.mark.parametrize("leave", ["slide", "donor"])
def test_test_slide_never_reaches_a_method(toy_bank, leave):
    spy = Spy()
    rows = [Row("spy", spy)]
    loso(toy_bank, settings=METHOD, rows=rows, leave=leave, n_core=20, n_global=50)
    for slide, seen in zip(toy_bank.slides.index, spy.seen, strict=True):
        assert slide not in seen
        if leave == "donor":
            donor = toy_bank.slides.loc[slide, "donor"]
            assert donor not in set(toy_bank.slides.loc[list(seen), "donor"])


@pytest.fixture(scope="module")
def report(toy_bank):
    return loso(toy_bank, settings=METHOD, slides=["toy4"], n_core=40, n_global=200, tuned=False)


def test_every_row_has_its_scores(report):
    entry = report.slides["toy4"]
    for name in ("generag", "ridge_all", "neighbors", "depth_only", "depth_oracle"):
        assert {"core", "global"} <= set(entry[name])
    assert "global" not in entry["backbone"]
    assert entry["mean_profile"]["core"]["pcc_10"] == 0
    assert entry["mean_profile"]["core"]["n_constant"] == 40
    assert entry["generag"]["uncited_share"] == 0
    assert entry["generag_blend"]["uncited_share"] == 0.5
    assert entry["generag"]["citations"]["n_active"] > 0
    assert {"pcc_all_seen", "pcc_all_unseen"} <= set(entry["generag_core_anchors"]["global"])


def test_headline_rows_are_compared_with_smooth_maps(report):
    entry = report.slides["toy4"]
    for name in ("generag", "ridge_all", "neighbors", "depth_only", "depth_oracle"):
        for group, size in (("core", 40), ("global", 200)):
            found = entry[name][group]
            assert 0 <= found["n_above_null"] <= size
            assert found["share_above_null"] == pytest.approx(found["n_above_null"] / size)
            assert found["null_smooth_pcc_10"] > entry["null"][group]["pcc_10"] - 0.1
        assert entry[name]["n_surrogate_spots"] == entry[name]["n_spots"]
    assert "n_above_null" in entry["backbone"]["core"]
    assert "n_above_null" not in entry["generag_sparse"]["core"]
    assert entry["null_smooth"]["core"]["pcc_10"] == entry["generag"]["core"]["null_smooth_pcc_10"]
    assert set(entry["null_smooth"]["global"]) == set(entry["null"]["global"])
    mean = report.to_json()["mean"]
    assert mean["generag"]["core"]["n_above_null"] == entry["generag"]["core"]["n_above_null"]
    assert mean["null_smooth"]["global"]["pcc_200"] == entry["null_smooth"]["global"]["pcc_200"]
    assert "on 56 spots" in report.surrogates_note


def test_measured_depth_is_the_first_row(report):
    for group in ("core", "global"):
        assert list(report.table(group, ["pcc_10"]).index[:2]) == ["depth_oracle", "generag"]
    per_gene = report.per_gene().loc["toy4"]
    assert per_gene.loc["generag"]["q_smooth"].notna().all()
    assert per_gene.loc["backbone"]["q_smooth"].notna().sum() == 40


def test_which_rows_are_compared_can_be_chosen(toy_bank):
    rows = [Row("first", MeanProfile()), Row("second", MeanProfile())]
    arguments = {"rows": rows, "slides": ["toy4"], "n_core": 10, "n_global": 20}
    for chosen, expected in (
        (None, {"first", "depth_oracle"}),
        (["second"], {"second"}),
        ([], set()),
    ):
        entry = loso(toy_bank, above_null=chosen, **arguments).slides["toy4"]
        found = {name for name in entry if "n_above_null" in entry[name]["core"]}
        assert found == expected
        assert ("null_smooth" in entry) == bool(expected)


def test_per_gene_scores_are_kept(report):
    assert len(report.per_gene().loc["toy4"].loc["generag"]) == 200


def test_copies_count_as_one_slide(toy_bank, copied):
    """Of toy1 (donor1) and toy3 (donor1), copies under the names and donors of others."""
    bank = join_banks(
        [
            toy_bank,
            copied(toy_bank, "toy1", "again", "donor9"),
            copied(toy_bank, "toy3", "third", "donor8"),
        ]
    )
    with pytest.warns(UserWarning, match=r"left out with slide 'toy1': again \(the same picture\)"):
        left = references_for(bank, "toy1", leave="slide")
    assert list(left.slides.index) == ["toy2", "toy3", "toy4", "third"]
    with pytest.warns(UserWarning, match="again"):
        left = references_for(bank, "toy1", leave="donor")
    assert list(left.slides.index) == ["toy2", "toy4"]
    with pytest.warns(UserWarning, match="toy1"):
        left = references_for(bank, "again", leave="donor")
    assert list(left.slides.index) == ["toy2", "toy3", "toy4", "third"]
    spy = Spy()
    with pytest.warns(UserWarning, match="again"):
        report = loso(bank, rows=[Row("spy", spy)], slides=["toy1"], n_core=10, n_global=20)
    assert spy.seen == [("toy2", "toy3", "toy4", "third")]
    copy = {"slide": "again", "by": "image", "score": 1.0, "left_out": True}
    assert report.record["copies"] == {"toy1": [copy]}
    assert "Copies left out of the references: again with toy1 (by image)." in report.markdown()


def test_honest_slides_are_no_copies(toy_bank, recwarn):
    left = references_for(toy_bank, "toy1", leave="slide")
    assert list(left.slides.index) == ["toy2", "toy3", "toy4"]
    assert not recwarn.list


def test_bad_folds(toy_bank):
    with pytest.raises(InputError, match="one of slide, donor"):
        loso(toy_bank, leave="spot")
    with pytest.raises(InputError, match="slides not in the bank: nope"):
        loso(toy_bank, slides=["nope"])
    with pytest.raises(InputError, match="no reference is left"):
        loso(toy_bank.select(["toy1", "toy3"]), leave="donor")


def test_section_of_a_bank(toy_bank, toy_sections):
    section = section_of(toy_bank, "toy2")
    assert set(section.genes) == set(toy_sections[1].genes)
    np.testing.assert_array_equal(section.totals, toy_sections[1].totals)
