"""Explain a predicted value, and write the evidence as table, figure and JSON."""

from dataclasses import dataclass
from pathlib import Path

from spatialrag.escaping import csv_text
from spatialrag.explanation.explanation import Explanation, explain as explain_value
from spatialrag.explanation.types import carriers
from spatialrag.expression.find_name import read_aliases
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.plots.citations import save_citations
from spatialrag.plots.types import save_attention
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.store import read_prediction
from spatialrag.replace import replace_text


@dataclass(frozen=True, eq=False)
class ExplainRequest:
    """One value of a prediction, and where its evidence is written.

    Parameters
    ----------
    prediction
        A file by `spatialrag predict`, or a prediction in memory.
    spot, gene
        Names.
    csv
        Every citation, as a table.
    figure
        Query patch and groups of references (PNG).
    top
        So many of the strongest references are drawn too.
    attention
        For RAG-ST: maps of attention by cell type (PNG).
    carriers
        For RAG-ST: which cell types carry every gene, as a table.
    json
        Value and citations as JSON.
    aliases
        Other names of genes: a table for `spatialrag.read_aliases`.
    overwrite
        Replace files that exist.
    """

    prediction: Path | Prediction
    spot: str
    gene: str
    csv: Path | None = None
    figure: Path | None = None
    top: int = 0
    attention: Path | None = None
    carriers: Path | None = None
    json: Path | None = None
    aliases: Path | None = None
    overwrite: bool = False


def explain(request: ExplainRequest) -> tuple[Explanation, Prediction]:
    """Return the evidence for a value and the prediction it is of; write what was asked for.

    Raises
    ------
    InputError
        Outputs that cannot be written, unknown names, a prediction without citations.
    """
    given = request.prediction
    outputs = (request.csv, request.carriers, request.json, request.figure, request.attention)
    check_outputs(*outputs, overwrite=request.overwrite, inputs=[given, request.aliases])
    aliases = None if request.aliases is None else read_aliases(request.aliases)
    prediction = given if isinstance(given, Prediction) else read_prediction(given)
    found = explain_value(prediction, spot=request.spot, gene=request.gene, aliases=aliases)
    if request.attention is not None:
        save_attention(prediction, request.attention)
    if request.carriers is not None:
        replace_text(request.carriers, csv_text(carriers(prediction), index_label="gene"))
    if request.csv is not None:
        replace_text(request.csv, csv_text(found.citations, index=False))
    if request.figure is not None:
        save_citations(found, request.figure, n=request.top or None)
    write_json(request.json, found.to_json())
    return found, prediction
