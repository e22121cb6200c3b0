"""Predictions as AnnData: an ordinary expression matrix that carries its evidence."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.anndata_file import read_anndata, write_h5ad
from spatialrag.bank.content import columns_of
from spatialrag.errors import InputError
from spatialrag.expression.normalize import check_scale
from spatialrag.file_kind import kind_of
from spatialrag.prediction.citations import Citations
from spatialrag.prediction.prediction import Prediction, TissuePicture
from spatialrag.provenance import fingerprint
from spatialrag.replace import replace_file
from spatialrag.retrieval.smoothing import Smoothing

_RELIABILITY = "reliability"  # a column of ``var``
SCHEMA = 2  # 1: every value is a sum of measured expression alone
_CITED, _CERTIFICATE = "cited", "certificate"
_OWN_COLUMNS = ("slide", "n_active", "effective_number")


def to_anndata(prediction: Prediction) -> ad.AnnData:
    """Return a prediction as AnnData.

    ``X`` holds the expression (float32; NaN where missing, counted in ``var['n_missing']``),
    ``obsm['spatial']`` the spot centres in pixels, ``uns['spatial']`` the slide's picture as
    scanpy and squidpy look for it, ``obs`` the certificate, and ``uns['spatialrag']`` scale,
    origin and citations.
    """
    obs = pd.DataFrame({"slide": prediction.slide}, index=np.asarray(prediction.spots))
    if prediction.certificate is not None:
        obs = obs.join(prediction.certificate)
    var = pd.DataFrame(index=np.asarray(prediction.genes))
    var["n_missing"] = np.isnan(prediction.expression).sum(axis=0)
    if prediction.reliability is not None:
        var[_RELIABILITY] = np.asarray(prediction.reliability, np.float32)
    adata = ad.AnnData(prediction.expression, obs=obs, var=var)
    if np.isfinite(prediction.xy).all():
        adata.obsm[keys.SPATIAL] = np.asarray(prediction.xy, float)
    if prediction.thumbnails is not None:
        adata.obsm[keys.THUMBNAIL] = prediction.thumbnails
    if prediction.tissue is not None:
        adata.uns[keys.SPATIAL] = {prediction.slide: _pack_tissue(prediction.tissue)}
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "slide": prediction.slide,
        "scale": prediction.scale,
        "uncited_share": prediction.uncited_share,
        "origin": json.dumps(prediction.record),
        "seal": _seal(prediction),
        _RELIABILITY: prediction.reliability is not None,
    }
    if prediction.certificate is not None:
        record[_CERTIFICATE] = np.asarray(prediction.certificate.columns, object)
    if prediction.citations is not None:
        record[_CITED] = _pack(prediction.citations)
        adata.obsm[keys.WEIGHTS] = prediction.citations.weights
        adata.obs["n_active"] = prediction.citations.n_active
        adata.obs["effective_number"] = prediction.citations.effective_number
    keys.write_record(adata, record)
    return adata


def _pack_tissue(tissue: TissuePicture) -> dict[str, Any]:
    factors = {"tissue_hires_scalef": tissue.scale, "spot_diameter_fullres": tissue.spot_px}
    return {"images": {"hires": tissue.pixels}, "scalefactors": factors}


def _unpack_tissue(libraries: dict[str, Any], slide: str) -> TissuePicture | None:
    if slide not in libraries:
        return None
    factors = libraries[slide]["scalefactors"]
    return TissuePicture(
        pixels=libraries[slide]["images"]["hires"],
        scale=float(factors["tissue_hires_scalef"]),
        spot_px=float(factors["spot_diameter_fullres"]),
    )


def _pack(citations: Citations) -> dict[str, Any]:
    packed: dict[str, Any] = {
        "references": citations.references.copy(),
        "expression": citations.expression,
        "measured": citations.measured,
        "slides": citations.slides.astype(object),
    }
    if citations.thumbnails is not None:
        packed["thumbnails"] = citations.thumbnails
    if citations.smoothing is not None:
        packed["smoothing"] = asdict(citations.smoothing)
    if citations.groups is not None:
        packed["groups"] = citations.groups
    if citations.removals is not None:
        packed["removals"] = citations.removals.reset_index(drop=True).astype(
            {"spot": "category", "removed": "category", "reference": "category"}
        )
        packed["removals"].index = packed["removals"].index.astype(str)
    return packed


def from_anndata(adata: ad.AnnData) -> Prediction:
    """Return the prediction that `to_anndata` turned into AnnData.

    Raises
    ------
    InputError
        No prediction, one of a newer version, or one whose values, names or citations were changed
        afterwards: what they rest on could no longer be told. Columns of ``obs`` and slots that
        others added do not matter.
    """
    record = keys.record_of(adata)
    if "origin" not in record:
        raise InputError(
            "this AnnData is not a spatialrag prediction",
            expected=f"uns[{keys.RECORD!r}] as `spatialrag predict` writes it",
        )
    try:
        schema = int(record["schema"])
        if 1 <= schema <= SCHEMA:
            prediction = _build(adata, record)
            # Predictions of the first release have no seal.
            edited = str(record.get("seal", "")) not in ("", _seal(prediction))
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            "this prediction is damaged or was edited",
            got=f"{type(error).__name__}: {error}",
            fix="predict again",
        ) from error
    if not 1 <= schema <= SCHEMA:
        raise InputError(
            "this prediction was written by a newer spatialrag",
            expected=f"schema {SCHEMA} or older",
            got=f"schema {schema}",
            fix="upgrade spatialrag",
        )
    if edited:
        raise InputError(
            "this prediction was changed after it was written",
            expected="the values, names and citations of `spatialrag predict`",
            fix="predict again, and keep changed or selected values in another file",
        )
    return prediction


def attach(prediction: Prediction, adata: ad.AnnData, *, key: str) -> None:
    """Keep a whole prediction within the AnnData of the measured slide, for `prediction_of`."""
    adata.uns[keys.prediction_key(key)] = to_anndata(prediction)


def prediction_of(adata: ad.AnnData, *, key: str = "predicted") -> Prediction:
    """Return the prediction that `spatialrag.tl.predict` kept within an AnnData.

    Parameters
    ----------
    adata
        The measured slide.
    key
        Layer that holds its values.

    Raises
    ------
    InputError
        There is none of this name, or what `from_anndata` raises.

    Examples
    --------
    >>> about = {"slide": "toy4", "image": image, "mpp": 1.0, "encoder": "color"}
    >>> told = sr.tl.predict(adata, bank, method=method, copy=True, **about)
    >>> sr.prediction_of(told).slide
    'toy4'
    """
    found = adata.uns.get(keys.prediction_key(key))
    if found is None:
        raise InputError(
            f"no prediction is called {key!r}",
            expected=f"uns[{keys.prediction_key(key)!r}] as sr.tl.predict writes it",
            fix="run sr.tl.predict first, or pass key=…",
        )
    return from_anndata(found)


def _build(adata: ad.AnnData, record: dict[str, Any]) -> Prediction:
    citations = None
    if _CITED in record:
        citations = _unpack(record[_CITED], sparse.csr_matrix(adata.obsm[keys.WEIGHTS]))
    columns = [name for name in adata.obs if name not in _OWN_COLUMNS]
    if "seal" in record:  # before, every other column counted as one of the certificate
        columns = [str(name) for name in record.get(_CERTIFICATE, ())]
    located = keys.SPATIAL in adata.obsm
    return Prediction(
        slide=str(record["slide"]),
        spots=adata.obs_names.to_numpy(str),
        xy=adata.obsm[keys.SPATIAL] if located else np.full((adata.n_obs, 2), np.nan),
        genes=adata.var_names.to_numpy(str),
        expression=np.asarray(adata.X, np.float32),
        scale=check_scale(str(record["scale"])),
        record=json.loads(record["origin"]),
        citations=citations,
        certificate=adata.obs[columns] if columns else None,
        uncited_share=float(record["uncited_share"]),
        thumbnails=adata.obsm.get(keys.THUMBNAIL),
        tissue=_unpack_tissue(adata.uns.get(keys.SPATIAL, {}), str(record["slide"])),
        reliability=_reliability(adata, record),
    )


def _reliability(adata: ad.AnnData, record: dict[str, Any]) -> np.ndarray | None:
    """Return it where this package wrote it; a column of this name may be somebody else's."""
    if not bool(record.get(_RELIABILITY, False)):
        return None
    return adata.var[_RELIABILITY].to_numpy(np.float32)


def _seal(prediction: Prediction) -> str:
    """Return a hash of what is predicted and of its evidence, the same written and read."""
    cited, certificate = prediction.citations, prediction.certificate
    located = bool(np.isfinite(prediction.xy).all())
    parts: list[object] = [
        prediction.slide,
        prediction.scale,
        f"{prediction.uncited_share:.17g}",
        json.dumps(prediction.record),
        prediction.spots.tolist(),
        prediction.genes.tolist(),
        np.asarray(prediction.expression, np.float32),
        np.asarray(prediction.xy, np.float64) if located else "",
    ]
    parts += [] if certificate is None else columns_of(certificate)
    parts += [] if prediction.thumbnails is None else [prediction.thumbnails]
    if prediction.reliability is not None:
        parts.append(np.asarray(prediction.reliability, np.float32))
    if cited is not None:
        parts += [cited.weights, cited.expression, cited.measured, cited.slides.tolist()]
        parts += [cited.references.index.astype(str).tolist(), *columns_of(cited.references)]
        parts += [] if cited.removals is None else columns_of(cited.removals)
        parts += [] if cited.thumbnails is None else [cited.thumbnails]
        if cited.smoothing is not None:
            smoothing = cited.smoothing
            parts += [f"{smoothing.share:.17g}", smoothing.scores, smoothing.loadings]
            parts += [smoothing.mean]
        parts += [] if cited.groups is None else [cited.groups]
    return fingerprint(*parts)


def _unpack(packed: dict[str, Any], weights: sparse.csr_matrix) -> Citations:
    removals = packed.get("removals")
    if removals is not None:
        removals = removals.astype({"spot": str, "removed": str, "reference": str})
    smoothing = packed.get("smoothing")
    if smoothing is not None:
        arrays = {name: np.asarray(smoothing[name]) for name in ("scores", "loadings", "mean")}
        smoothing = Smoothing(float(smoothing["share"]), **arrays)
    return Citations(
        weights=weights,
        references=packed["references"],
        expression=sparse.csr_matrix(packed["expression"]),
        measured=np.asarray(packed["measured"], bool),
        slides=np.asarray(packed["slides"]).astype(str),
        thumbnails=packed.get("thumbnails"),
        removals=removals,
        smoothing=smoothing,
        groups=packed.get("groups"),
    )


def write_prediction(prediction: Prediction, path: str | Path) -> Path:
    """Write a prediction as h5ad: the file is replaced whole, or left as it is.

    Raises
    ------
    InputError
        It cannot be written.

    Examples
    --------
    >>> sr.write_prediction(prediction, "written.h5ad").name
    'written.h5ad'
    """
    adata = to_anndata(prediction)
    with replace_file(path) as aside:
        write_h5ad(adata, aside)
    return Path(path)


def read_prediction(path: str | Path) -> Prediction:
    """Read a prediction written by `write_prediction`.

    Raises
    ------
    InputError
        No such file, another kind of file, or what `from_anndata` raises.

    Examples
    --------
    >>> path = sr.write_prediction(prediction, "p.h5ad")
    >>> sr.read_prediction(path).slide
    'toy4'
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist", fix="run spatialrag predict first")
    if path.is_dir():
        raise InputError(
            f"{path} is not a prediction",
            expected="an h5ad as `spatialrag predict` writes it",
            got=kind_of(path).name,
            fix="predict a slide from it first: `spatialrag predict BANK OUT.h5ad --slide NAME`",
        )
    try:
        adata = read_anndata(path)
    except InputError as error:
        raise InputError(
            f"{path} is not a prediction, or an incomplete one",
            expected="an h5ad as `spatialrag predict` writes it",
            got=str(error),
            fix="predict again, or restore a copy",
        ) from error
    try:
        return from_anndata(adata)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
