"""What leaving a bank's slides out in turn has told: the settings chosen, and how well genes do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from spatialrag.errors import InputError
from spatialrag.provenance import fingerprint


@dataclass(frozen=True, eq=False)
class BankTuning:
    """A slot of a bank, filled by `spatialrag bank tune`; void once the bank changes.

    Parameters
    ----------
    bank
        Fingerprint of the bank it was made from.
    left_out
        ``slide`` or ``donor``: what was left out together.
    choice
        Chosen settings of GeneRAG, by name.
    tried : pandas.DataFrame
        A row per setting that was looked at: a column for each of its values, score (mean over
        left-out slides of the mean r of the most variable genes), gain over the default and its
        standard error.
    reliability : pandas.Series
        By gene, the mean Pearson's r over left-out slides with the chosen settings; NaN where none
        of them measured it or it was constant.
    slides : pandas.DataFrame
        By slide, as left out: score, effective_number (of references).

    Examples
    --------
    >>> tuning = BankTuning(
    ...     bank.fingerprint, "slide", {"smoothing": 0.5}, pd.DataFrame(),
    ...     pd.Series({"ERBB2": 0.4}), pd.DataFrame(index=["a"]))
    >>> BankTuning.from_record(tuning.to_record()).choice
    {'smoothing': 0.5}
    """

    bank: str
    left_out: str
    choice: Mapping[str, Any]
    tried: pd.DataFrame
    reliability: pd.Series
    slides: pd.DataFrame = field(default_factory=pd.DataFrame)

    def reliability_of(self, genes: np.ndarray) -> np.ndarray:
        """Return the reliability of named genes, (n,) float32; NaN where it is unknown."""
        return self.reliability.reindex(genes).to_numpy(np.float32)

    def to_record(self) -> dict[str, Any]:
        """Return it as a store keeps it."""
        record: dict[str, Any] = {
            "bank": self.bank,
            "left_out": self.left_out,
            "choice": json.dumps(dict(self.choice), sort_keys=True),
            "tried": self.tried.to_json(orient="split", double_precision=15),
            "genes": self.reliability.index.to_numpy(object),
            "reliability": self.reliability.to_numpy(np.float32),
            "slides": self.slides.to_json(orient="split", double_precision=15),
        }
        return record | {"seal": _seal(record)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "BankTuning":
        """Return what `to_record` kept.

        Raises
        ------
        InputError
            It was changed since.
        """
        if str(record.get("seal")) != _seal(record):
            raise InputError("the bank's tuning is not what was written", fix="tune it again")
        return cls(
            bank=str(record["bank"]),
            left_out=str(record["left_out"]),
            choice=json.loads(str(record["choice"])),
            tried=_frame(record["tried"]),
            reliability=pd.Series(
                np.asarray(record["reliability"], np.float32),
                index=_texts(record["genes"]),
            ),
            slides=_frame(record["slides"]),
        )


def _frame(text: object) -> pd.DataFrame:
    parts = json.loads(str(text))
    return pd.DataFrame(parts["data"], index=parts["index"], columns=parts["columns"])


def _texts(names: Any) -> list[str]:
    return [str(name) for name in names]  # whatever kind of text a store gives back


def _seal(record: Mapping[str, Any]) -> str:
    texts = [str(record[name]) for name in ("bank", "left_out", "choice", "tried", "slides")]
    return fingerprint(
        *texts, _texts(record["genes"]), np.asarray(record["reliability"], np.float32)
    )
