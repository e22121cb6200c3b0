"""Which cell types a prediction rests on: per spot, and per gene."""

import numpy as np
import pandas as pd

from spatialrag.errors import InputError
from spatialrag.prediction.prediction import Prediction


def attention_by_type(prediction: Prediction) -> pd.DataFrame:
    """Return the weight on references of each type, spots x types.

    Parameters
    ----------
    prediction
        By RAG-ST, as returned or as read from a file; a spot as reference counts for its largest
        type.

    Raises
    ------
    InputError
        The references carry no types.

    Examples
    --------
    >>> sr.attention_by_type(cited).shape[0]
    56
    """
    member, names = _members(prediction)
    weights = prediction.require_citations().weights @ member
    return pd.DataFrame(weights, index=np.asarray(prediction.spots), columns=names)


def carriers(prediction: Prediction, genes: list[str] | None = None) -> pd.DataFrame:
    """Return what references of each type contribute to each gene, the mean over spots.

    Parameters
    ----------
    prediction
        As in `attention_by_type`.
    genes
        All genes when absent.

    Returns
    -------
    pandas.DataFrame
        Genes x types; the columns ``residual`` (what rests on no reference) and ``value`` (their
        sum, the mean predicted value) come last.

    Examples
    --------
    >>> gene = str(cited.genes[0])
    >>> sr.carriers(cited, [gene]).columns[-2:].tolist()
    ['residual', 'value']
    """
    member, names = _members(prediction)
    columns = [prediction.position_of(gene=gene) for gene in genes or prediction.genes]
    citations = prediction.require_citations()
    mean = np.asarray(citations.weights.mean(axis=0)).ravel()
    parts = citations.values(np.array(columns)).T @ (member * mean[:, None])
    table = pd.DataFrame(parts, index=prediction.genes[columns], columns=names)
    value = prediction.expression[:, columns].mean(axis=0, dtype=np.float64)
    return table.assign(residual=value - parts.sum(axis=1), value=value)


def _members(prediction: Prediction) -> tuple[np.ndarray, np.ndarray]:
    references = prediction.require_citations().references
    if "cell_type" not in references:
        raise InputError(
            f"the citations of {prediction.slide!r} carry no cell types",
            expected="a prediction by RAG-ST",
            got=str(prediction.record.get("method", "an unknown method")),
        )
    types = references["cell_type"].to_numpy(str)
    names = np.unique(types)
    return (types[:, None] == names).astype(float), names
