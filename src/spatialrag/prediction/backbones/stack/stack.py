"""Several regressions as one initial prediction, weighted by reference slides left out."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError, check_share
from spatialrag.expression.normalize import Scale
from spatialrag.prediction.backbones.stack.members import MEMBERS, FittedMember
from spatialrag.prediction.backbones.stack.training_set import TrainingSet
from spatialrag.prediction.backbones.stack.weights import Agreement
from spatialrag.prediction.features import Features, folds_of
from spatialrag.prediction.predictor import Queries, vectors_of
from spatialrag.prediction.preparation import Preparation, Prepared

ENOUGH_DONORS = 3


@dataclass(frozen=True)
class Stack:
    """Ridge, kernel ridge, nearest references and predicted depth, combined.

    Non-negative weights of a sum of at most 1 are fitted to what members predict of donors they
    have not seen (Breiman, Machine Learning 1996), and the members are trained again on all. What
    fits the slides of one or two donors need not fit the next donor: weights are then equal
    (docs/decisions/0015-weights-of-a-stack.md).

    Parameters
    ----------
    members
        Members of ``ridge``, ``kernel_ridge``, ``neighbors``, ``depth``.
    gene_groups
        Groups of genes with weights of their own, by how much they vary; 1 for shared weights.
    components
        Principal components of the embeddings that members read; None for all dimensions.
    centring
        How much of their slide's mean is taken from the vectors that regressions read, in [0, 1].
        Nearest references read vectors as they come: a slide's mean tells which references are
        like it.
    trust
        Share of the fitted weights, in [0, 1]; the rest are equal weights. None: 1 - 1/d of d
        donors, of three or more, else 0. With fewer donors, slides are left out instead, of a
        slide alone four parts.

    Examples
    --------
    >>> trained = Stack(members=("ridge", "depth")).fit(bank, bank.genes[:50], scale="log1p")
    >>> trained.table.columns.tolist()
    ['ridge', 'depth']
    """

    members: tuple[str, ...] = tuple(MEMBERS)
    gene_groups: int = 1
    components: int | None = 256
    centring: float = 1.0
    trust: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))
        unknown = [name for name in self.members if name not in MEMBERS]
        if unknown or not self.members or len(set(self.members)) < len(self.members):
            raise InputError(
                "members of a stack must be known, and different",
                expected=f"some of {', '.join(MEMBERS)}",
                got=", ".join(self.members) or "none",
            )
        if self.gene_groups < 1:
            raise InputError("gene_groups must be at least 1", got=str(self.gene_groups))
        if self.components is not None and self.components < 1:
            raise InputError("components must be at least 1", got=str(self.components))
        if self.trust is not None:
            check_share(self.trust, name="trust")

    def fit(self, bank: Bank, genes: np.ndarray, *, scale: Scale) -> "TrainedStack":
        """Return the stack trained on the bank's spots that have counts.

        Raises
        ------
        InputError
            A bank without embeddings or with fewer than eight spots; a member that fails.
        """
        prepared = Preparation(centring=self.centring).fit(bank)
        spots = training_set(bank, genes, scale=scale)
        readings = Readings(spots.x, prepared.bank.vectors[~bank.empty])
        agreement, trust = self._agreement(spots), self._trust(len(np.unique(spots.donors)))
        folds = folds_of(spots.groups) if trust else []
        for test in folds:
            fitted = self._train(spots.of(~test), readings.of(~test))
            predictions = [member.predict(readings.of(test)) for member in fitted]
            agreement.add(predictions, spots.targets[test].toarray(), spots.slides[test])
        return TrainedStack(
            genes=np.asarray(genes),
            scale=scale,
            bank=bank,
            prepared=prepared,
            names=self.members,
            members=self._train(spots, readings),
            mean=np.asarray(spots.targets.mean(axis=0), np.float64).ravel(),
            weights=agreement.weights(trust=trust),
            group=agreement.group,
            left_out=len(folds),
        )

    def _trust(self, n_donors: int) -> float:
        if self.trust is not None:
            return self.trust
        return 1 - 1 / n_donors if n_donors >= ENOUGH_DONORS else 0.0

    def _train(self, spots: TrainingSet, readings: "Readings") -> list["Reader"]:
        features = [Features.fit(vectors, self.components) for vectors in readings.both]
        x = [f.transform(vectors) for f, vectors in zip(features, readings.both, strict=True)]
        sets = [replace(spots, x=each) for each in x]
        fitted = []
        for name in self.members:
            member = MEMBERS[name]
            try:
                trained = member.fit(sets[member.centred])
            except (ValueError, np.linalg.LinAlgError) as error:
                raise InputError(
                    f"the member {name!r} of the stack cannot be trained",
                    got=str(error),
                    fix=f"leave {name!r} out of members",
                ) from error
            fitted.append(Reader(member.centred, features[member.centred], trained))
        return fitted

    def _agreement(self, spots: TrainingSet) -> Agreement:
        variance = within_variance(spots.targets, spots.slides)
        rank = np.argsort(np.argsort(-variance, kind="stable"), kind="stable")
        m, k = len(self.members), min(self.gene_groups, len(variance))
        group = rank * k // len(variance)
        return Agreement(np.zeros((k, m, m)), np.zeros((k, m)), group, variance)


@dataclass(frozen=True, eq=False)
class Readings:
    """Vectors (n, dim) of the same spots, as they come and centred."""

    plain: np.ndarray
    centred: np.ndarray

    @property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """As they come, then centred."""
        return self.plain, self.centred

    def of(self, rows: np.ndarray) -> "Readings":
        """Return those of some spots, (n,) bool."""
        return Readings(self.plain[rows], self.centred[rows])


@dataclass(frozen=True, eq=False)
class Reader:
    """A trained member with what it reads: centred vectors or others, and their features."""

    centred: bool
    features: Features
    member: FittedMember

    def predict(self, readings: Readings) -> np.ndarray:
        """Return expression (n, n_genes)."""
        return self.member.predict(self.features.transform(readings.both[self.centred]))


@dataclass(frozen=True, eq=False)
class TrainedStack:
    """A stack on a bank.

    Parameters
    ----------
    genes, scale
        What it predicts.
    bank
        The references it was trained on, against which queries are checked.
    prepared
        The same bank, centred.
    names
        Names of the members.
    members
        Trained on all references.
    mean : (n_genes,)
        The references' mean profile, to which the members' deviations are added.
    weights : (n_groups, n_members)
    group : (n_genes,)
        Which weights are whose.
    left_out
        Times that something was left out for the weights; 0 for equal ones.
    """

    genes: np.ndarray
    scale: Scale
    bank: Bank
    prepared: Prepared
    names: tuple[str, ...]
    members: list[Reader]
    mean: np.ndarray
    weights: np.ndarray
    group: np.ndarray
    left_out: int

    def predict(self, queries: Queries) -> np.ndarray:
        """Return expression (n_queries, n_genes) float32, below 0 where the members say so."""
        plain = vectors_of(queries, self.bank)
        readings = Readings(plain, vectors_of(self.prepared.queries(queries), self.prepared.bank))
        total = np.tile(self.mean, (len(plain), 1))
        for member, weights in zip(self.members, self.weights.T, strict=True):
            if weights.any():
                total += weights[self.group] * (member.predict(readings) - self.mean)
        return total.astype(np.float32)

    @property
    def table(self) -> pd.DataFrame:
        """Weights by group of genes and member: of ``depth`` alone, where depth is all there is."""
        rows = [f"genes {i + 1}/{len(self.weights)}" for i in range(len(self.weights))]
        return pd.DataFrame(self.weights, index=rows, columns=list(self.names))

    @property
    def record(self) -> dict[str, object]:
        """What a prediction's record tells of it."""
        chosen = {
            name: reader.member.chosen
            for name, reader in zip(self.names, self.members, strict=True)
        }
        weights = self.table.to_dict(orient="index")
        centring = self.prepared.settings.centring
        return {
            "weights": weights,
            "chosen": chosen,
            "left_out": self.left_out,
            "centring": centring,
        }


_FEWEST = 8


def training_set(bank: Bank, genes: np.ndarray, *, scale: Scale) -> TrainingSet:
    """Return the bank's spots that have counts, with these genes on a scale."""
    bank.require_embeddings()
    rows = ~bank.empty
    if rows.sum() < _FEWEST:
        raise InputError(
            "a stack is trained on spots left out in turn",
            expected=f"at least {_FEWEST} references with counts",
            got=str(rows.sum()),
            fix="use the backbone linear",
        )
    known = bank.references[rows]
    return TrainingSet(
        x=bank.vectors[rows],
        targets=bank.on_scale(scale)[rows][:, bank.columns_of(genes)].tocsr(),
        depth=np.log1p(known["total_counts"].to_numpy(float)),
        slides=known["slide"].to_numpy(str),
        donors=known["donor"].to_numpy(str),
        xy=known[["x", "y"]].to_numpy(float),
    )


def within_variance(targets: sparse.csr_matrix, slides: np.ndarray) -> np.ndarray:
    """Return each gene's variance within slides, (n_genes,)."""
    total = np.zeros(targets.shape[1])
    for slide in np.unique(slides):
        part = targets[slides == slide].astype(np.float64)
        total += np.asarray(part.multiply(part).sum(axis=0)).ravel()
        total -= np.square(np.asarray(part.sum(axis=0)).ravel()) / part.shape[0]
    return np.maximum(total, 0) / targets.shape[0]
