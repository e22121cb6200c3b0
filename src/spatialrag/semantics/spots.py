"""What each spot means: vectors of spots from the genes they express most."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
from scipy import sparse

from spatialrag.errors import check_choice
from spatialrag.semantics.cache import embed_texts
from spatialrag.semantics.embedder import TextEmbedder
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.semantics.prompts import INSTRUCTION, spot_prompt, unrelated_prompt
from spatialrag.semantics.top_genes import top_genes

PROMPTS = {"genes": spot_prompt, "unrelated": unrelated_prompt}
Ranking = Literal["expression", "scaled"]
RANKINGS = get_args(Ranking)
_RANDOM_VARIANCE = 0.85  # of SemST's random embeddings

Expression: TypeAlias = np.ndarray | sparse.csr_matrix


@dataclass(frozen=True, eq=False)
class SpotVectors:
    """Semantic vectors of spots.

    Parameters
    ----------
    vectors : (n_spots, dim)
        float32; mean 0 and variance 1 over spots in every dimension that varies.
    record
        Where they come from, how many genes per spot, and how many spots have none.

    Examples
    --------
    >>> SpotVectors(np.ones((3, 4), np.float32)).vectors.shape
    (3, 4)
    """

    vectors: np.ndarray
    record: dict[str, object] = field(default_factory=dict)


class Semantics(Protocol):
    """Anything that gives spots a meaning by their expression; labels are not among its inputs.

    Examples
    --------
    >>> from spatialrag.semantics import RandomSpots
    >>> meaning: Semantics = RandomSpots(dim=8)
    """

    def of(self, expression: Expression, genes: np.ndarray) -> SpotVectors:
        """Return vectors of spots, from expression (n_spots, n_genes) of named genes."""


@dataclass(frozen=True)
class PerGene:
    """The mean vector of a spot's top genes: the cost does not grow with spots.

    Parameters
    ----------
    vectors
        Vectors of genes; dimensions are standardized over genes first.
    k
        Genes per spot.
    ranking
        ``expression``: the most expressed genes. ``scaled``: the most expressed in units of each
        gene's own standard deviation.

    Examples
    --------
    >>> from spatialrag.semantics import GeneVectors
    >>> vectors = GeneVectors(section.genes, np.eye(len(section.genes), dtype=np.float32)[:, :8])
    >>> PerGene(vectors, k=5).k
    5
    """

    vectors: GeneVectors
    k: int = 30
    ranking: Ranking = "scaled"

    def of(self, expression: Expression, genes: np.ndarray) -> SpotVectors:
        """Return vectors of spots.

        Raises
        ------
        InputError
            As `top_genes` and `GeneVectors.spot_vectors` do; fewer than half of the genes known.
        """
        share = self.vectors.require_coverage(genes)
        top = top_genes(_ranked(expression, self.ranking), genes, self.k)
        found = self.vectors.standardized().spot_vectors(top, genes)
        empty = int((~found.any(axis=1)).sum())
        record = {"mode": "per_gene", "k": self.k, "ranking": self.ranking, "coverage": share}
        record |= {"spots_without": empty, "vectors": self.vectors.record}
        return SpotVectors(standardize(found), record)


@dataclass(frozen=True)
class PerSpot:
    """One text per spot that lists its top genes (SemST's prompt); equal texts are read once.

    Parameters
    ----------
    embedder
        Language model.
    k, ranking
        As in `PerGene`.
    prompt
        ``genes``, or ``unrelated``: texts without biology, a control.
    cache
        Folder of `embed_texts`.

    Examples
    --------
    >>> model = embedder_of("endpoint:http://localhost:8000/v1#model")  # doctest: +SKIP
    >>> meaning = PerSpot(model, k=30)  # doctest: +SKIP
    """

    embedder: TextEmbedder
    k: int = 30
    ranking: Ranking = "expression"
    prompt: str = "genes"
    cache: str | Path | None = None

    def __post_init__(self) -> None:
        check_choice(self.prompt, PROMPTS, name="prompt")

    def of(self, expression: Expression, genes: np.ndarray) -> SpotVectors:
        """Return vectors of spots.

        Raises
        ------
        InputError
            As `top_genes` and `embed_texts` do.
        """
        names = np.asarray(genes, str)
        top = top_genes(_ranked(expression, self.ranking), names, self.k)
        texts = [PROMPTS[self.prompt](names[row[row >= 0]]) for row in top]
        instruction = INSTRUCTION if self.prompt == "genes" else ""
        found = embed_texts(self.embedder, texts, instruction=instruction, cache=self.cache)
        record = {"mode": "per_spot", "k": self.k, "ranking": self.ranking, "prompt": self.prompt}
        record |= {"prompts": len(set(texts)), "embedder": self.embedder.identity}
        return SpotVectors(standardize(found), record)


@dataclass(frozen=True)
class RandomSpots:
    """Independent normal vectors, mean 0 and variance 0.85, which know nothing of the spot.

    Random vectors of *genes* (`random_vectors`) still tell which genes a spot shares with
    another; these do not.

    Examples
    --------
    >>> RandomSpots(dim=8).of(tissue.logs, tissue.genes).vectors.shape
    (56, 8)
    """

    dim: int = 128
    seed: int = 0

    def of(self, expression: Expression, genes: np.ndarray) -> SpotVectors:  # noqa: ARG002
        """Return vectors of spots; neither expression nor genes are looked at."""
        shape = (expression.shape[0], self.dim)
        found = np.random.default_rng(self.seed).normal(0, np.sqrt(_RANDOM_VARIANCE), shape)
        return SpotVectors(found.astype(np.float32), {"mode": "random", "seed": self.seed})


def standardize(vectors: np.ndarray) -> np.ndarray:
    """Return vectors with mean 0 and variance 1 in each dimension; constant dimensions become 0."""
    centered = vectors - vectors.mean(axis=0, dtype=np.float64)
    spread = centered.std(axis=0)
    still = spread <= 1e-6 * np.abs(vectors).max(initial=0)
    return np.asarray(centered / np.where(still, np.inf, spread), np.float32)


def _ranked(expression: Expression, ranking: Ranking) -> Expression:
    check_choice(ranking, RANKINGS, name="ranking")
    if ranking == "expression":
        return expression
    matrix = sparse.csr_matrix(expression, dtype=np.float64)
    mean = np.asarray(matrix.mean(axis=0)).ravel()
    square = np.asarray(matrix.multiply(matrix).mean(axis=0)).ravel()
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return matrix @ sparse.diags(np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0))
