"""SemST as printed, and as its published code runs: to compare with, not to use."""

from collections.abc import Callable

from spatialrag.domains.clustering import Clustering
from spatialrag.domains.losses import Form
from spatialrag.domains.semst.semst import SemST
from spatialrag.domains.semst.settings import Architecture, Graphs, Normalization, Objective, Space
from spatialrag.errors import check_choice
from spatialrag.training.graph import Training

PRESETS = ("default", "paper", "released")
_SEED = 100


def paper(
    *,
    graphs: Graphs | None = None,
    gamma: float = 0.1,
    lambda_: float = 0.1,
    epochs: int = 200,
    hidden: int = 256,
    width: int = 64,
    form: Form = "exact",
) -> SemST:
    """Return SemST with Eqs. 1-15 as printed.

    Parameters
    ----------
    graphs
        Graphs of the data set (`spatialrag.domains.recipes`); 15 nearest in space and 14 in
        expression.
    gamma, lambda_
        Given per data set.
    epochs, hidden, width
        Not given by the paper.
    form
        Form of Eq. 13's sum over all pairs; ``exact`` needs n² memory.

    Examples
    --------
    >>> paper(epochs=100).training.epochs
    100
    """
    return SemST(
        graphs=graphs or printed_graphs(k_features=14),
        architecture=Architecture(
            inputs="shares",
            hidden=hidden,
            width=width,
            linear_path=False,
            n_semantic=None,
            identity=False,
        ),
        objective=Objective(
            summed=True,
            relative=False,
            pairs="all",
            gamma=gamma,
            lambda_=lambda_,
            form=form,
            rows=None,
        ),
        training=Training(epochs=epochs),
        clustering=Clustering("kmeans"),
        seed=_SEED,
    )


def released(
    *,
    graphs: Graphs | None = None,
    gamma: float = 0.1,
    epochs: int = 200,
    learning_rate: float = 1e-3,
    hidden: int = 128,
    width: int = 64,
    form: Form = "exact",
) -> SemST:
    """Return SemST as the published code computes it, but for its epoch, which labels chose.

    Row normalization, scaled expression as input and as target of the zinb without a size factor,
    means for sums, a ridge on the dropout, four linear layers before alpha and beta, an MLP as W.

    Parameters
    ----------
    graphs
        Graphs of the data set.
    gamma
        Gamma of both other losses.
    epochs, learning_rate, hidden, width
        Epochs, learning rate and widths of its configuration files; the last epoch is the
        result.
    form
        As in `paper`.
    """
    return SemST(
        graphs=graphs or printed_graphs(k_features=15, normalization="row"),
        architecture=Architecture(
            inputs="scaled",
            hidden=hidden,
            width=width,
            linear_path=False,
            identity=False,
            n_semantic=None,
            fusion="released",
            projection="mlp",
            decoder="exponential",
        ),
        objective=Objective(
            target="input",
            relative=False,
            dropout_ridge=0.05,
            gamma=gamma,
            # The code halves the sum of both means.
            lambda_=gamma / 2,
            correlation="diagonal_apart",
            pairs="all",
            form=form,
            rows=None,
        ),
        training=Training(epochs=epochs, learning_rate=learning_rate),
        clustering=Clustering("kmeans"),
        seed=_SEED,
    )


def printed_graphs(
    *,
    space: Space = "knn",
    k_space: int = 15,
    k_features: int = 15,
    normalization: Normalization = "symmetric",
) -> Graphs:
    """Return graphs whose feature neighbors are those of the network's input (Eq. 2)."""
    return Graphs(
        space=space,
        k_space=k_space,
        k_features=k_features,
        features="input",
        semantics="spot",
        normalization=normalization,
    )


def preset(name: str) -> SemST:
    """Return the preset of that name, ``default``, ``paper`` or ``released``.

    Examples
    --------
    >>> preset("released").training.epochs > 0
    True
    """
    check_choice(name, PRESETS, name="preset")
    made: dict[str, Callable[[], SemST]] = {"default": SemST, "paper": paper, "released": released}
    return made[name]()
