"""What a predictor is: settings that are fitted on a bank and then asked about queries."""

from typing import Protocol

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.errors import InputError
from spatialrag.prediction.prediction import Prediction
from spatialrag.slides.spots import Spots

Queries = Embeddings | Spots
"""Spots asked about: with their embeddings, or by name and position alone."""


class FittedPredictor(Protocol):
    """A predictor that has seen the bank.

    Examples
    --------
    >>> fitted: FittedPredictor = method.fit(bank)
    >>> fitted.predict(queries).slide
    'toy4'
    """

    def predict(self, queries: Queries) -> Prediction:
        """Return expression of the queries."""
        ...


class Predictor(Protocol):
    """Frozen settings of a method.

    Examples
    --------
    >>> from spatialrag.prediction import MeanProfile
    >>> chosen: Predictor = MeanProfile()
    >>> chosen.fit(bank).predict(queries).slide
    'toy4'
    """

    def fit(self, bank: Bank) -> FittedPredictor:
        """Return the method fitted on references; it is never given labels or query slides."""
        ...


def vectors_of(queries: Queries, bank: Bank) -> np.ndarray:
    """Return the vectors of `embedded` queries, (n_queries, dim)."""
    return embedded(queries, bank).vectors


def embedded(queries: Queries, bank: Bank) -> Embeddings:
    """Return query embeddings after checking that they compare with the bank's.

    Raises
    ------
    InputError
        Either side has none, or they were made differently.
    """
    bank.require_embeddings()
    if not isinstance(queries, Embeddings):
        raise InputError(
            f"the queries of {queries.slide!r} have no embeddings",
            expected="embeddings by the bank's encoder",
            fix="pass spatialrag.embed(spots, encoder=…), or use image_weight=0 and from_file",
        )
    bank.check_queries(queries)
    return queries
