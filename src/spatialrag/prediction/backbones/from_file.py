"""Someone else's predictions as the initial prediction."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag.anndata_file import read_anndata
from spatialrag.errors import InputError, listing
from spatialrag.expression.normalize import SCALES, check_scale
from spatialrag.expression.table import read_numbers
from spatialrag.file_kind import reading
from spatialrag.prediction.predictor import Queries
from spatialrag.tables.text import read_text
from spatialrag.tensor_file import read_array, read_tensor

DECLARED = (*SCALES, "log2p1")
_TABLES = (".csv", ".tsv", ".txt", ".gz", ".parquet")


class FromFile:
    """Predictions read from a file, looked up by spot name.

    Reads h5ad, CSV, TSV, Parquet (spots in rows, genes in columns), and ``.npy`` or ``.pt`` arrays
    of shape (spots, genes), (spots, samples, genes) or (spots x samples, 1, genes), whose samples
    are averaged.

    Parameters
    ----------
    path
        The file. ``.pt`` files are loaded as weights only: anything that would execute code is
        refused.
    scale
        What the values are: ``counts``, ``log1p``, ``log1p_cp10k``, or ``log2p1`` =
        log2(1 + counts), which becomes ``log1p`` on reading.
    genes, spots
        Names of an array's columns and rows: sequences, or a text file with one name per line.
        Tables and h5ad files carry their own.
    samples
        Samples per spot when an array stacks them along its rows.

    Attributes
    ----------
    genes, scale
        What is predicted, after conversion.

    Examples
    --------
    >>> table = pd.DataFrame({"TOY1": [0.1, 0.4]}, index=["a", "b"])
    >>> table.rename_axis("spot").to_csv("theirs.csv")
    >>> FromFile("theirs.csv", scale="log1p").genes.tolist()
    ['TOY1']
    """

    def __init__(
        self,
        path: str | Path,
        *,
        scale: str,
        genes: Sequence[str] | str | Path | None = None,
        spots: Sequence[str] | str | Path | None = None,
        samples: int = 1,
    ) -> None:
        if scale not in DECLARED:
            raise InputError(
                "the scale of the predictions is unknown",
                expected=f"one of {', '.join(DECLARED)}",
                got=repr(scale),
            )
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path} does not exist", fix="check the path")
        frame = _read(self.path, _names(genes), _names(spots), samples)
        _check(frame, self.path)
        # log2(1 + c) = ln(1 + c) / ln 2
        values = frame.to_numpy(np.float32) * (np.float32(np.log(2)) if scale == "log2p1" else 1)
        self._values = values
        self._row = {name: i for i, name in enumerate(frame.index)}
        self.genes = frame.columns.to_numpy(str)
        self.scale = check_scale("log1p" if scale == "log2p1" else scale)

    def predict(self, queries: Queries) -> np.ndarray:
        """Return the file's values for the queries' spots, (n_queries, n_genes)."""
        missing = [name for name in queries.spots if name not in self._row]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(queries.spots)} spots of {queries.slide!r} are not in "
                f"{self.path.name}: {listing(missing)}",
                expected=f"spot names such as {listing(self._row, 3)}",
            )
        return self._values[[self._row[name] for name in queries.spots]]


def _names(names: Sequence[str] | str | Path | None) -> list[str] | None:
    if names is None:
        return None
    return read_names(names) if isinstance(names, (str, Path)) else [str(name) for name in names]


def read_names(path: str | Path) -> list[str]:
    """Read names from a text file, one per line; empty lines are skipped."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the list of names {path} does not exist")
    text = read_text(path, expected="a list of names, one per line")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _read(
    path: Path, genes: list[str] | None, spots: list[str] | None, samples: int
) -> pd.DataFrame:
    if path.suffix.lower() == ".h5ad":
        return read_anndata(path).to_df()
    if path.suffix in _TABLES:
        return read_numbers(path, kind="spot")
    if path.suffix not in {".pt", ".npy"}:
        raise InputError(
            f"unknown prediction format {path.name}",
            expected=".h5ad, .csv, .tsv, .parquet, .npy or .pt",
        )
    if genes is None or spots is None:
        raise InputError(
            f"{path.name} names neither genes nor spots", fix="pass genes=… and spots=…"
        )
    with reading(path, "an array of predictions"):
        array = read_tensor(path) if path.suffix == ".pt" else read_array(path)
    return pd.DataFrame(_average(array, len(spots), len(genes), samples), spots, genes)


def _average(array: np.ndarray, n_spots: int, n_genes: int, samples: int) -> np.ndarray:
    """Return (spots, genes), samples averaged.

    Samples stacked along the rows are spot by spot: the samples of one spot follow each other.
    """
    if array.shape[-1] == n_genes and array.size == n_spots * samples * n_genes:
        return array.reshape(n_spots, samples, n_genes).mean(axis=1)
    if array.ndim == 3 and array.shape[::2] == (n_spots, n_genes):
        return array.mean(axis=1)
    raise InputError(
        "the array of predictions has the wrong shape",
        expected=f"({n_spots}, {n_genes}), ({n_spots}, samples, {n_genes}) or "
        f"({n_spots} x samples, 1, {n_genes})",
        got=f"{array.shape} with samples={samples}",
        fix="pass samples=…, or check the lists of genes and spots",
    )


def _check(frame: pd.DataFrame, path: Path) -> None:
    for kind, names in (("gene", frame.columns), ("spot", frame.index)):
        if names.has_duplicates:
            repeated = names[names.duplicated()]
            raise InputError(f"{path.name} has duplicate {kind} names: {listing(repeated)}")
    if not np.isfinite(frame.to_numpy(np.float64)).all():
        raise InputError(f"{path.name} contains NaN or inf", fix="drop these spots or genes")
