"""SemST: spatial domains from two graphs and what a spot's genes mean."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import anndata as ad
import numpy as np
import torch

from spatialrag.domains.clustering import Clustering
from spatialrag.domains.domains import Domains
from spatialrag.domains.fusion import Modulation
from spatialrag.domains.semst.inputs import Inputs, make_inputs
from spatialrag.domains.semst.network import Network
from spatialrag.domains.semst.settings import Architecture, Graphs, Objective
from spatialrag.domains.semst.step import backward
from spatialrag.domains.tissue import Tissue, as_tissue
from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale
from spatialrag.provenance import fingerprint, origin, plain
from spatialrag.semantics.spots import Semantics, SpotVectors
from spatialrag.training.graph import Training, train

_HEADS = {"zinb": ("mean", "dispersion", "dropout"), "gaussian": ("mean",)}


@dataclass(frozen=True)
class SemST:
    """Spatial domains from a two-graph network modulated by what genes mean.

    The defaults deviate from the paper where that was measured to be better; see README.md in
    this package. `spatialrag.domains.semst.presets` has the paper's and its code's settings.

    Parameters
    ----------
    graphs, architecture, objective, training
        Settings by part.
    clustering
        How latents become domains.
    seed
        Seed of weights, draws and clustering.
    device
        As torch names it.

    References
    ----------
    SemST (AAAI 2026), Eqs. 1-15.

    Examples
    --------
    >>> from spatialrag.training.graph import Training
    >>> found = SemST(training=Training(epochs=2)).fit_predict(adata, n_domains=3)
    >>> len(np.unique(found.labels))
    3
    """

    graphs: Graphs = field(default_factory=Graphs)
    architecture: Architecture = field(default_factory=Architecture)
    objective: Objective = field(default_factory=Objective)
    training: Training = field(default_factory=Training)
    clustering: Clustering = field(default_factory=lambda: Clustering("gaussian_mixture"))
    seed: int = 0
    device: str = "cpu"

    def for_scale(self, scale: Scale) -> "SemST":
        """Return the settings for expression on a scale; what is not counts has no zinb.

        Parameters
        ----------
        scale
            As in `Tissue`. Counts leave the settings as they are; logarithms, predictions among
            them, are reconstructed by the gaussian likelihood.
        """
        if scale == "counts":
            return self
        return replace(self, objective=replace(self.objective, likelihood="gaussian"))

    def fit_predict(
        self,
        data: Tissue | ad.AnnData,
        *,
        n_domains: int | None,
        semantics: Semantics | None = None,
        checkpoint: str | Path | None = None,
    ) -> Domains:
        """Return domains of all spots.

        Parameters
        ----------
        data
            Spots; an AnnData is read as `Tissue.from_anndata` does by default.
        n_domains
            K; none lets the clustering choose, without labels.
        semantics
            What gives spots a meaning; the network has no fusion without.
        checkpoint
            File to resume an interrupted training from.

        Returns
        -------
        Domains
            With both graphs. In ``arrays``: ``losses`` per epoch; ``trace``, (epochs, n, d), where
            `Training` asks for it; with semantics, the latent ``before`` fusion and FSM's ``alpha``
            and ``beta``.

        Raises
        ------
        InputError
            Expression or places that cannot be used, semantics that do not fit.
        """
        tissue = as_tissue(data)
        tissue.require_domains(n_domains)
        meaning = None if semantics is None else _meaning(semantics, tissue)
        vectors = None if meaning is None else meaning.vectors
        settings = (self.graphs, self.architecture, self.objective)
        inputs = make_inputs(tissue, vectors, *settings, device=self.device)
        network, arrays = self._train(tissue, inputs, vectors, checkpoint)
        arrays |= _latents(network, inputs)
        embedding = arrays.pop("embedding")
        labels = self.clustering.labels(
            embedding,
            n_domains,
            adjacency=inputs.graphs["spatial"].connectivities,
            rng=self.seed,
        )
        record = origin(self) | {"device": self.device, "torch": torch.__version__}
        record["semantics"] = None if meaning is None else meaning.record
        record["graphs"] = {name: plain(graph.settings) for name, graph in inputs.graphs.items()}
        record["epochs_run"] = len(arrays["losses"])
        return Domains(labels, embedding, record, inputs.graphs, arrays)

    def _train(
        self,
        tissue: Tissue,
        inputs: Inputs,
        vectors: np.ndarray | None,
        checkpoint: str | Path | None,
    ) -> tuple[Network, dict[str, np.ndarray]]:
        dim = 0 if inputs.semantic is None else inputs.semantic.shape[1]
        shape = (inputs.values.shape[1], inputs.target.shape[1], dim)
        # Weights are drawn on the CPU and from a state of their own: the same on every device.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = Network(*shape, self.architecture, _HEADS[self.objective.likelihood])
        network = network.to(self.device)
        generator = torch.Generator(self.device).manual_seed(self.seed)
        trace: list[np.ndarray] = []
        losses = train(
            network,
            lambda: backward(network, inputs, self.objective, generator),
            self.training,
            label="SemST",
            generator=generator,
            checkpoint=checkpoint,
            key="" if checkpoint is None else self._key(tissue, vectors),
            look=lambda _: trace.append(_latents(network, inputs)["embedding"]),
        )
        arrays = {"losses": losses} | ({"trace": np.stack(trace)} if trace else {})
        return network.eval(), arrays

    def _key(self, tissue: Tissue, vectors: np.ndarray | None) -> str:
        settings = json.dumps(plain(self), sort_keys=True)
        sections = [] if tissue.sections is None else list(tissue.sections)
        semantic = "none" if vectors is None else vectors
        return fingerprint(settings, tissue.expression, tissue.xy, sections, semantic)


def _latents(network: Network, inputs: Inputs) -> dict[str, np.ndarray]:
    with torch.no_grad():
        first, second = network.branches(inputs.values, inputs.space, inputs.features)
        found = {"embedding": network.final(first, second, inputs.semantic)}
        if network.fusion is not None:
            found["before"] = torch.cat([first, second], dim=1)
        if isinstance(network.fusion, Modulation) and inputs.semantic is not None:
            found["alpha"], found["beta"] = network.fusion.coefficients(inputs.semantic)
    return {name: value.cpu().numpy() for name, value in found.items()}


def _meaning(semantics: Semantics, tissue: Tissue) -> SpotVectors:
    found = semantics.of(tissue.logs, tissue.genes)
    if len(found.vectors) != tissue.n_spots:
        raise InputError(
            "semantic vectors do not match spots",
            expected=str(tissue.n_spots),
            got=str(len(found.vectors)),
        )
    return found
