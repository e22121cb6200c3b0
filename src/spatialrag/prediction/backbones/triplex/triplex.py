"""TRIPLEX (Chung et al. 2024): target, neighbor and global views, fused and distilled."""

from dataclasses import dataclass, field, replace

from spatialrag.encoders.tiles import Tiles
from spatialrag.prediction.backbones.fitting import Fitting
from spatialrag.prediction.backbones.network import SpotNetwork
from spatialrag.prediction.backbones.trained import train_on_bank
from spatialrag.prediction.backbones.triplex.network import Sizes, Triplex


@dataclass(frozen=True)
class TRIPLEX:
    """Settings of TRIPLEX.

    Parameters
    ----------
    sizes
        Sizes of the network.
    n_around
        Spots of the neighbor view; 24 are a 5 x 5 grid without its centre.
    tiles
        Tiles of the patches, from `embed_tiles`, for references and queries: the tokens of the
        target view. Without them it has one, the spot's own vector.
    distillation
        Share of a view's loss that is its distance from the fused prediction.
    components, standardize, fitting
        As in `NetworkSettings`.

    Examples
    --------
    >>> TRIPLEX(n_around=12).n_around
    12
    """

    sizes: Sizes = field(default_factory=Sizes)
    n_around: int = 24
    tiles: Tiles | None = None
    distillation: float = 0.3
    components: int | None = 256
    standardize: bool = True
    fitting: Fitting = field(default_factory=lambda: Fitting(epochs=40, batch=128))

    @classmethod
    def published(cls, tiles: Tiles | None = None) -> "TRIPLEX":
        """Return the published sizes and training for Spatial Transcriptomics arrays."""
        return cls(
            tiles=tiles,
            sizes=Sizes(
                width=512,
                fusion_depth=1,
                global_depth=3,
                neighbor_depth=3,
                fusion_heads=4,
                global_heads=16,
                neighbor_heads=16,
                mlp_ratios=(4.0, 4.0, 1.0),
                dropouts=(0.2, 0.1, 0.3),
            ),
            components=None,
            standardize=False,
            fitting=Fitting(
                epochs=200, learning_rate=1e-4, weight_decay=0.01, batch=128, patience=20, clip=None
            ),
        )

    def with_tiles(self, tiles: Tiles | None) -> "TRIPLEX":
        """Return the same backbone over the tiles of these slides, or over none."""
        return replace(self, tiles=tiles)

    def network(self, n_inputs: int, n_genes: int) -> SpotNetwork:
        """Return the network with random weights."""
        return Triplex(n_inputs, n_genes, self.sizes, self.distillation)

    fit = train_on_bank
