"""How good citations are: whether they look and express like the query, and matter."""

import numpy as np
from scipy import sparse

from spatialrag.bank.bank import Bank
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.prediction.prediction import Prediction
from spatialrag.provenance import fingerprint

TOP = 5


def score_citations(
    prediction: Prediction,
    queries: Embeddings | None,
    truth: np.ndarray,
    genes: np.ndarray,
    bank: Bank,
) -> dict[str, float]:
    """Return scores of the top-5 citations beside random and same-depth references.

    Parameters
    ----------
    prediction
        With citations.
    queries
        The queries' embeddings, in the prediction's spot order; None without images.
    truth : (n_spots, n_genes)
        Measured expression of the queries on the prediction's scale.
    genes : (n_genes,)
        Genes of ``truth``.
    bank
        The references.

    Returns
    -------
    dict
        ``morphology_*``: mean cosine similarity of standardized embeddings of a query and its
        references; ``expression_*``: mean Pearson's r over genes of their measured expression;
        for ``cited``, ``random`` and ``same_depth`` references. Spots with fewer than five
        citations are not compared: ``five_share`` says how many are (NaN without any).
        ``deletion_top`` and ``deletion_random``: loss of mean per-gene r when the 5 strongest
        citations, or 5 random ones, are struck out without solving again.
    """
    citations = prediction.require_citations()
    rng = np.random.default_rng(int(fingerprint(prediction.slide, bank.fingerprint)[:8], 16))
    usable = np.flatnonzero(~bank.empty)
    cited_rows = bank.references.index.get_indexer(citations.references.index)
    top = _strongest(citations.weights, cited_rows)
    depth = np.log1p(truth.sum(axis=1))
    reference_values = bank.on_scale(prediction.scale)[:, bank.columns_of(genes)]
    reference_depth = np.log1p(np.asarray(reference_values.sum(axis=1)).ravel())
    chosen = {
        "cited": top,
        "random": rng.choice(usable, (len(truth), TOP)),
        "same_depth": _same_depth(depth, reference_depth, usable, rng),
    }
    present = top[:, 0] >= 0  # the same queries for all three
    scores = {"five_share": float(present.mean())}
    for name, rows in chosen.items():
        measured = reference_values[rows[present].ravel()].toarray()
        repeated = np.repeat(truth[present], TOP, axis=0)
        scores[f"expression_{name}"] = _mean(pearson_per_gene(measured.T, repeated.T))
        if queries is not None:
            ours, theirs = _standardized(queries.vectors[present], bank)
            similarity = np.einsum("ij,ikj->ik", ours, theirs[rows[present]])
            scores[f"morphology_{name}"] = _mean(similarity)
    return scores | _deletion(prediction, truth, genes, rng)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _strongest(weights: sparse.csr_matrix, cited_rows: np.ndarray) -> np.ndarray:
    """Return bank rows of each query's 5 largest absolute weights, -1 in rows with fewer."""
    top = np.full((weights.shape[0], TOP), -1)
    for row, (start, end) in enumerate(zip(weights.indptr[:-1], weights.indptr[1:], strict=True)):
        order = np.argsort(-np.abs(weights.data[start:end]), kind="stable")[:TOP]
        if len(order) == TOP:
            top[row] = cited_rows[weights.indices[start:end][order]]
    return top


def _same_depth(
    depth: np.ndarray, reference_depth: np.ndarray, usable: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return for each query 5 of the 50 references nearest in depth."""
    distance = np.abs(depth[:, None] - reference_depth[usable])
    pool = np.argsort(distance, axis=1, kind="stable")[:, :50]
    picked = rng.integers(pool.shape[1], size=(len(depth), TOP))
    return usable[np.take_along_axis(pool, picked, axis=1)]


def _standardized(vectors: np.ndarray, bank: Bank) -> tuple[np.ndarray, np.ndarray]:
    mean, spread = bank.vectors.mean(axis=0), bank.vectors.std(axis=0)
    spread = np.where(spread > 1e-6 * (1 + np.abs(mean)), spread, np.inf)
    ours, theirs = ((values - mean) / spread for values in (vectors, bank.vectors))
    return _of_unit_length(ours), _of_unit_length(theirs)


def _of_unit_length(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _deletion(
    prediction: Prediction, truth: np.ndarray, genes: np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    citations = prediction.require_citations()
    columns = np.searchsorted(prediction.genes, genes)
    expression = citations.values(columns)
    whole = pearson_per_gene(citations.weights @ expression, truth).mean()
    losses = {}
    for name in ("top", "random"):
        struck = citations.weights.copy()
        for start, end in zip(struck.indptr[:-1], struck.indptr[1:], strict=True):
            rank = -np.abs(struck.data[start:end]) if name == "top" else rng.random(end - start)
            struck.data[start:end][np.argsort(rank, kind="stable")[:TOP]] = 0
        rest = pearson_per_gene(struck @ expression, truth).mean()
        losses[f"deletion_{name}"] = float(whole - rest)
    return losses
