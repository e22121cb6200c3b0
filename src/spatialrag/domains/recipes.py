"""The nine data sets of SemST's paper: numbers of domains and settings, as printed and as run."""

from dataclasses import dataclass

from spatialrag.domains.semst.presets import paper, printed_graphs, released
from spatialrag.domains.semst.semst import SemST
from spatialrag.domains.semst.settings import Graphs, Normalization, Space
from spatialrag.errors import check_choice


@dataclass(frozen=True)
class PaperSettings:
    """One data set's numbers.

    Parameters
    ----------
    kind
        Layout of its files: ``dlpfc``, ``visium``, ``stereo_seq`` or ``starmap``.
    n_domains
        K, annotated domains.
    space
        What the paper's r is: ``radius`` (pixels of the full-resolution image), ``degree`` (the
        busiest spot's neighbors, see `degree_graph`), or ``knn`` (neighbors of each spot).
    r
        The paper's r, in that meaning.
    k_features
        k_n of the paper.
    n_genes
        g, variable genes.
    k_genes
        k_g, top genes per spot.
    weight
        gamma and lambda, which are equal everywhere.
    released_k_features, released_n_genes, epochs, learning_rate, hidden, width
        Where the published code differs from the paper, or the paper is silent. Its k_g is 10.

    Examples
    --------
    >>> from spatialrag.domains import recipe
    >>> recipe("mouse_visual_cortex").n_domains
    7
    """

    kind: str
    n_domains: int
    space: Space
    r: float
    k_features: int
    n_genes: int
    k_genes: int
    weight: float
    released_k_features: int
    released_n_genes: int
    epochs: int
    learning_rate: float
    hidden: int
    width: int

    def graphs(self, *, k_features: int, normalization: Normalization = "symmetric") -> Graphs:
        """Return the graphs of either form."""
        if self.space == "radius":
            return Graphs(
                space="radius",
                radius=self.r,
                k_features=k_features,
                features="input",
                semantics="spot",
                normalization=normalization,
            )
        return printed_graphs(
            space=self.space,
            k_space=int(self.r),
            k_features=k_features,
            normalization=normalization,
        )

    def paper(self) -> SemST:
        """Return SemST as printed; epochs and widths, which are not, as in the published code."""
        return paper(
            graphs=self.graphs(k_features=self.k_features),
            gamma=self.weight,
            lambda_=self.weight,
            epochs=self.epochs,
            hidden=self.hidden,
            width=self.width,
        )

    def released(self) -> SemST:
        """Return SemST as the published code runs it."""
        return released(
            graphs=self.graphs(k_features=self.released_k_features, normalization="row"),
            gamma=self.weight,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            hidden=self.hidden,
            width=self.width,
        )


def _dlpfc(n_domains: int) -> PaperSettings:
    return PaperSettings(
        "dlpfc", n_domains, "radius", 560, 14, 3000, 20, 0.1, 14, 3000, 100, 1e-3, 256, 128
    )


RECIPES: dict[str, PaperSettings] = {
    "dlpfc_151508": _dlpfc(7),
    "dlpfc_151509": _dlpfc(7),
    "dlpfc_151510": _dlpfc(7),
    "dlpfc_151671": _dlpfc(5),
    "dlpfc_151672": _dlpfc(5),
    "breast_cancer": PaperSettings(
        "visium", 20, "degree", 15, 14, 3000, 20, 0.1, 15, 2000, 600, 1e-4, 256, 128
    ),
    "mouse_brain_anterior": PaperSettings(
        "visium", 52, "degree", 15, 14, 3000, 20, 0.1, 15, 3000, 200, 1e-3, 128, 64
    ),
    "mouse_embryo": PaperSettings(
        "stereo_seq", 12, "knn", 15, 15, 3000, 30, 1.0, 15, 3000, 500, 1e-3, 256, 128
    ),
    "mouse_visual_cortex": PaperSettings(
        "starmap", 7, "knn", 15, 15, 128, 30, 1.0, 5, 128, 2000, 1e-3, 128, 64
    ),
}


def recipe(name: str) -> PaperSettings:
    """Return the recipe of a data set, one of `RECIPES`.

    Examples
    --------
    >>> recipe("mouse_visual_cortex").kind != ""
    True
    """
    check_choice(name, RECIPES, name="data set")
    return RECIPES[name]
