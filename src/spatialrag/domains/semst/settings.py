"""The settings of SemST, by part."""

from dataclasses import dataclass
from typing import Literal, get_args

from spatialrag.domains.losses import FORMS, Form
from spatialrag.errors import InputError, check_choice

NetworkInput = Literal["components", "shares", "scaled"]
INPUTS = get_args(NetworkInput)
Space = Literal["auto", "radius", "knn", "delaunay", "grid", "degree"]
Normalization = Literal["symmetric", "row"]
SPACES = get_args(Space)
ComparedFeatures = Literal["neighborhood", "input"]
FEATURES = get_args(ComparedFeatures)
SemanticsOf = Literal["neighborhood", "spot"]
SEMANTICS = get_args(SemanticsOf)
Projection = Literal["linear", "mlp"]
PROJECTIONS = get_args(Projection)
Decoder = Literal["shares", "exponential"]
DECODERS = get_args(Decoder)
Likelihood = Literal["zinb", "gaussian"]
LIKELIHOODS = get_args(Likelihood)
Target = Literal["counts", "input"]
TARGETS = get_args(Target)
Pairs = Literal["balanced", "all"]
PAIRS = get_args(Pairs)
Correlation = Literal["all", "diagonal_apart"]
CORRELATIONS = get_args(Correlation)


@dataclass(frozen=True)
class Graphs:
    """Which spots are neighbors.

    Parameters
    ----------
    space
        ``auto``: one ring of the grid where spots lie on one, else the ``k_space`` nearest. Or a
        kind of `spatial_graph`, or ``degree`` of `degree_graph`.
    k_space, radius, rings
        As in `spatial_graph`; ``k_space`` is the degree of ``degree``.
    features
        What the feature graph compares: ``neighborhood``, components averaged twice over spatial
        neighbors; or the network's ``input`` (SemST, Eq. 2).
    k_features
        Neighbors in expression.
    approximate
        Whether expression neighbors are searched approximately (their recall is measured).
    semantics
        Whose meaning a spot is modulated by: its ``neighborhood``'s, averaged twice over spatial
        neighbors, or the ``spot``'s own (SemST).
    normalization
        ``symmetric`` (Eq. 3) or ``row``.

    Examples
    --------
    >>> Graphs(space="knn", k_space=10).k_space
    10
    """

    space: Space = "auto"
    k_space: int = 15
    radius: float | None = None
    rings: int = 1
    features: ComparedFeatures = "neighborhood"
    k_features: int = 15
    approximate: bool = False
    semantics: SemanticsOf = "neighborhood"
    normalization: Normalization = "symmetric"

    def __post_init__(self) -> None:
        check_choice(self.space, SPACES, name="space")
        check_choice(self.semantics, SEMANTICS, name="semantics")
        check_choice(self.features, FEATURES, name="features")


@dataclass(frozen=True)
class Architecture:
    """What the network is made of.

    Parameters
    ----------
    inputs
        ``components``: principal components of log expression. ``shares``: counts per 10,000
        (Eq. 15). ``scaled``: those over each gene's standard deviation, cut at 10.
    n_components
        Number of components of expression; for the feature graph in any case.
    hidden, width
        Hidden and output width of a branch; the latent has 2 ``width`` dimensions.
    linear_path
        Whether each branch adds A A X W to its convolutions, W starting as the identity and the
        convolutions at 0: the latent starts as neighborhood means.
    n_semantic
        Principal components of semantic vectors that come in; the vectors themselves when absent.
    fusion
        How semantics come in; a name of `spatialrag.domains.fusion.FUSIONS`, or ``released``.
    identity
        Whether fusion starts as the identity, and a linear projection as a diagonal: 1 for the
        spatial branch, ``feature_start`` for the other.
    feature_start
        See ``identity``.
    projection
        W of Eq. 9: ``linear``, or an ``mlp`` to ``width`` dimensions.
    decoder
        ``shares``: means are a spot's total times shares of genes. ``exponential``: exp of a
        linear layer behind batch normalization, without the total.

    Examples
    --------
    >>> Architecture(fusion="add").fusion
    'add'
    """

    inputs: NetworkInput = "components"
    n_components: int = 20
    hidden: int = 128
    width: int = 20
    linear_path: bool = True
    n_semantic: int | None = 20
    fusion: str = "fsm"
    identity: bool = True
    feature_start: float = 0.0
    projection: Projection = "linear"
    decoder: Decoder = "shares"

    def __post_init__(self) -> None:
        check_choice(self.inputs, INPUTS, name="inputs")
        check_choice(self.projection, PROJECTIONS, name="projection")
        check_choice(self.decoder, DECODERS, name="decoder")
        counts = (self.n_components, self.n_semantic or 1, self.hidden, self.width)
        if min(counts) < 1:
            raise InputError("n_components, n_semantic, hidden and width must be at least 1")


@dataclass(frozen=True)
class Objective:
    """What is minimized: L_recon + gamma L_cr + lambda L_s (Eq. 14).

    Parameters
    ----------
    likelihood
        ``zinb`` of counts (Eq. 10), or ``gaussian`` of standardized log expression, for expression
        that is not counts.
    target
        What the zinb is of: ``counts``, or the network's ``input`` (what the published code does).
    summed
        Whether L_recon and L_s are sums as printed; otherwise the mean over entries and pairs.
    relative
        Whether L_recon is divided by its value at the start of training, so that gamma and lambda
        mean the same for sparse and for dense counts.
    dropout_ridge
        Weight of the mean squared dropout probability.
    gamma, lambda_
        Weights.
    correlation
        L_cr as the mean over ``all`` of (C − I)² (Eq. 12), or ``diagonal_apart``: mean over the
        diagonal plus mean over the rest.
    pairs
        L_s ``balanced``: mean over neighbors plus mean over other pairs; ``all``: over all pairs,
        where neighbors weigh their share (Eq. 13).
    form, n_sampled
        As in `spatial_regularization`.
    rows
        Spots drawn each epoch for L_recon; all when absent or when there are not more.
    chunk
        Spots decoded at a time: bounds memory, changes nothing else.

    Examples
    --------
    >>> Objective(gamma=0.2).gamma
    0.2
    """

    likelihood: Likelihood = "zinb"
    target: Target = "counts"
    summed: bool = False
    relative: bool = True
    dropout_ridge: float = 0.0
    gamma: float = 0.1
    lambda_: float = 0.06
    correlation: Correlation = "all"
    pairs: Pairs = "balanced"
    form: Form = "moments"
    n_sampled: int = 10
    rows: int | None = 1024
    chunk: int = 2048

    def __post_init__(self) -> None:
        check_choice(self.likelihood, LIKELIHOODS, name="likelihood")
        check_choice(self.target, TARGETS, name="target")
        check_choice(self.correlation, CORRELATIONS, name="correlation")
        check_choice(self.pairs, PAIRS, name="pairs")
        check_choice(self.form, FORMS, name="form")
        if min(self.gamma, self.lambda_, self.dropout_ridge) < 0:
            raise InputError("weights of the objective cannot be negative")
        if self.chunk < 1 or (self.rows is not None and self.rows < 1):
            raise InputError("rows and chunk must be at least 1")
