import subprocess
import sys
from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from spatialrag.domains.consensus.consensus import Consensus
from spatialrag.domains.store import to_anndata
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError

QUICK = Consensus(starts=3, repeats=1)


@pytest.fixture(scope="module")
def found(stripes):
    return QUICK.fit_predict(stripes[0], n_domains=4)


def agreement(first, second):
    return adjusted_rand_score(first.labels, second.labels)


def test_stripes_are_found(stripes, found):
    assert adjusted_rand_score(stripes[1], found.labels) > 0.9
    assert list(found.sizes) == ["1", "2", "3", "4"]
    assert list(found.sizes.values()) == sorted(found.sizes.values(), reverse=True)
    n = len(found.record["members"])
    assert np.shape(found.record["agreement"]) == (n, n)
    assert sum(found.record["weights"]) == pytest.approx(1, abs=0.01)


def test_doubt_lies_at_the_borders(stripes, found):
    x = stripes[0].xy[:, 0]
    border = np.isin(x % 5, [0, 4]) & (x > 0) & (x < 19)
    entropy = found.arrays["entropy"]
    assert entropy[border].mean() > 2 * entropy[~border].mean()
    np.testing.assert_allclose(found.arrays["confidence"], 1 - entropy)
    assert entropy.min() >= 0
    assert entropy.max() <= 1


def test_the_order_of_spots_does_not_matter(stripes, found):
    tissue, _ = stripes
    order = np.random.default_rng(0).permutation(tissue.n_spots)
    moved = Tissue(tissue.expression[order], tissue.genes, tissue.spots[order], tissue.xy[order])
    again = QUICK.fit_predict(moved, n_domains=4)
    np.testing.assert_array_equal(again.labels, found.labels[order])
    np.testing.assert_allclose(again.arrays["entropy"], found.arrays["entropy"][order], atol=1e-9)


def test_rotation_units_and_seeds_change_little(stripes, found):
    tissue, _ = stripes
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = QUICK.fit_predict(replace(tissue, xy=tissue.xy @ turn * 31 + 5), n_domains=4)
    assert agreement(turned, found) > 0.95
    assert agreement(replace(QUICK, seed=7).fit_predict(tissue, n_domains=4), found) > 0.95
    np.testing.assert_array_equal(QUICK.fit_predict(tissue, n_domains=4).labels, found.labels)


def test_one_section_is_the_same_by_name(stripes, found):
    named = replace(stripes[0], sections=np.repeat("a", 400))
    np.testing.assert_array_equal(QUICK.fit_predict(named, n_domains=4).labels, found.labels)


def test_sections_of_other_depth_and_batch_share_domains(stripes):
    """The second section has every gene's counts multiplied by a factor of its own."""
    tissue, truth = stripes
    factors = np.random.default_rng(1).choice([1, 3, 6], len(tissue.genes))
    other = tissue.expression.multiply(factors).tocsr()
    both = Tissue(
        np.concatenate([tissue.expression.toarray(), other.toarray()]),
        tissue.genes,
        [f"s{i}" for i in range(800)],
        np.concatenate([tissue.xy, tissue.xy]),
        np.repeat(["a", "b"], 400),
    )
    joined = QUICK.fit_predict(both, n_domains=4)
    assert adjusted_rand_score(np.tile(truth, 2), joined.labels) > 0.9


def test_a_tissue_without_structure_is_uncertain(stripes):
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (400, 30))
    nothing = Tissue(counts, stripes[0].genes, stripes[0].spots, stripes[0].xy)
    found = QUICK.fit_predict(nothing, n_domains=4)
    assert len(found.sizes) == 4
    sure = QUICK.fit_predict(stripes[0], n_domains=4).arrays["entropy"].mean()
    assert found.arrays["entropy"].mean() > 3 * sure


def test_number_by_stability_with_its_curve(stripes):
    found = replace(QUICK, candidates=(2, 3, 4, 5, 6)).fit_predict(stripes[0], n_domains=None)
    assert len(found.sizes) == 4
    assert set(found.record["stability"]) == {"2", "3", "4", "5", "6"}
    assert found.record["n_domains"] == 4


def test_cells_at_one_place_go_on(stripes):
    tissue, truth = stripes
    shared = replace(tissue, xy=np.floor(tissue.xy / 2))
    found = QUICK.fit_predict(shared, n_domains=4)
    assert found.record["sharing_places"] == 400
    assert adjusted_rand_score(truth, found.labels) > 0.7


def test_a_small_section_is_found_along(stripes):
    tissue, _ = stripes
    sections = np.array(["a"] * 395 + ["b"] * 5)
    found = QUICK.fit_predict(replace(tissue, sections=sections), n_domains=4)
    assert len(found.sizes) == 4


def test_what_is_written(stripes, found):
    adata = ad.AnnData(stripes[0].expression, obsm={"spatial": stripes[0].xy})
    to_anndata(found, adata, key="consensus")
    assert adata.obs["domain_consensus"].nunique() == 4
    np.testing.assert_allclose(adata.obs["domain_entropy"], found.arrays["entropy"])
    np.testing.assert_allclose(adata.obs["domain_confidence"], 1 - found.arrays["entropy"])
    assert "agreement" in adata.uns["consensus"]["record"]


def test_what_is_refused(stripes):
    with pytest.raises(InputError, match="1 to 400"):
        QUICK.fit_predict(stripes[0], n_domains=401)
    with pytest.raises(InputError, match="2 or more"):
        Consensus(candidates=(1,))
    with pytest.raises(InputError, match="at least 1"):
        Consensus(repeats=0)


def test_no_torch_is_needed():
    code = (
        "import sys; from spatialrag.domains.consensus import Consensus; Consensus(); "
        "print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
