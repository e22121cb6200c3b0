from dataclasses import dataclass

import numpy as np
import pytest

from spatialrag.domains.controls import SmoothedPCA
from spatialrag.domains.domains import Domains
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError
from spatialrag.evaluation.domains import Arm, compare_domains, read_domain_report

TRUTH = np.repeat(["a", "b", "unlabelled"], [10, 10, 4])
TISSUE = Tissue(
    np.random.default_rng(0).poisson(3, (24, 8)) + 1,
    [f"G{i}" for i in range(8)],
    [f"s{i}" for i in range(24)],
    np.random.default_rng(0).normal(size=(24, 2)),
)


@dataclass(frozen=True)
class Says:
    """Labels that are right but for as many spots as the seed; keeps one epoch that is right."""

    seed: int = 0
    traced: bool = False

    def fit_predict(self, data, *, n_domains):
        right = np.repeat(["1", "2", "1"], [10, 10, 4])
        labels = right.copy()
        labels[: self.seed] = "2"
        latent = (right == "1").astype(float)[:, None]
        arrays = {"trace": np.stack([np.roll(latent, 5), latent])} if self.traced else {}
        return Domains(labels, latent, arrays=arrays)


def test_scores_per_arm_and_seed():
    arms = {"says": Arm(Says()), "control": Arm(SmoothedPCA(k=3, n_components=3))}
    report = compare_domains(TISSUE, TRUTH, arms, n_domains=2, seeds=range(3))
    assert report.runs["arm"].tolist() == ["says"] * 3 + ["control"] * 3
    assert report.runs["n_scored"].unique() == [20]
    assert report.runs["ari"][0] == 1 > report.runs["ari"][2]
    table = report.table()
    assert list(table.index) == ["says", "control"]
    assert table.loc["says", "accuracy"] == "0.950 ± 0.041"
    assert report.mean("accuracy")["says"] == pytest.approx(0.95)


def test_oracle_is_a_column_of_its_own():
    report = compare_domains(
        TISSUE, TRUTH, {"says": Arm(Says(traced=True))}, n_domains=2, seeds=[3]
    )
    assert report.runs["ari"][0] < 1 == report.runs["oracle"][0]
    assert "oracle" in report.table()


def test_written_and_read(tmp_path):
    arms = {"says": Arm(Says()), "traced": Arm(Says(traced=True))}
    report = compare_domains(TISSUE, TRUTH, arms, n_domains=2, seeds=[0, 1])
    report.write(tmp_path / "x.json")
    text = (tmp_path / "x.md").read_text()
    assert all(f"- `{name}`: " in text for name in report.table())
    again = read_domain_report(tmp_path / "x.json")
    assert again.table().equals(report.table())
    assert "| says | 1.000" not in (tmp_path / "x.md").read_text().splitlines()[0]
    assert (tmp_path / "x.md").read_text().splitlines()[2].startswith("| says |")
    assert again.table().loc["says", "oracle"] == "–"


def test_bad_input():
    with pytest.raises(InputError, match="0 seeds, 3 annotations"):
        compare_domains(TISSUE, TRUTH[:3], {}, n_domains=2, seeds=[])
