"""Do groups of citations carry a value, agree with each other, and matter?

Each slide of a bank is left out and predicted. Printed, as means over spots: the share of weight
that five groups and the five strongest references carry; how alike members of the first group are
in expression, beside controls; how far a profile moves when the first group, or as many random
citations of the same weight, may not be cited and Eq. 1 is solved again.

    python benchmarks/groups.py her2st.zarr --json groups.json
    python benchmarks/groups.py mob.zarr --sparse
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag import GeneRAG, read_bank
from spatialrag.evaluation.methods import standard_rows
from spatialrag.progress import track
from spatialrag.retrieval.anchors import choose_anchors
from spatialrag.tables.markdown import markdown_table

CORE, EVERY = 300, 5  # genes; every so many spots


def agreement(profiles):
    """Return the mean correlation of all pairs of rows."""
    pairs = np.corrcoef(profiles)[np.triu_indices(len(profiles), 1)]
    return float(np.nanmean(pairs)) if len(pairs) else np.nan


def random_of_weight(share, weight, rng):
    """Return positions of random citations that carry about the weight, at least one."""
    order = rng.permutation(len(share))
    count = np.searchsorted(np.cumsum(share[order]), weight) + 1
    return order[:count]


def alike(members, cited_rows, bank, profiles, rng):
    """Return agreement of a group, and of its controls of the same size."""
    size = len(members)
    vectors, typical = bank.vectors, members[0]
    distance = np.linalg.norm(vectors - vectors[typical], axis=1)
    slides = bank.slide_of[members]
    same = [rng.choice(np.flatnonzero(bank.slide_of == number)) for number in slides]
    return {
        "members": agreement(profiles[members]),
        "random citations": agreement(profiles[rng.choice(cited_rows, size, replace=False)]),
        "random of the same slides": agreement(profiles[same]),
        "nearest in the embedding": agreement(profiles[np.argsort(distance)[:size]]),
    }


def moved(fitted, problem, spots, left_out, values, core):
    """Return how far profiles move when these references may not be cited, as a share of them."""
    width = max(map(len, left_out))
    without = np.full((len(spots), width), -1)
    for row, columns in enumerate(left_out):
        without[row, : len(columns)] = columns
    solver = fitted.settings.solver
    solution = solver.solve(problem.select(spots, without=without)).require_converged()
    again = fitted.cite(solution).sum_expression()[:, core]
    return np.linalg.norm(again - values, axis=1) / np.linalg.norm(values, axis=1)


def slide_rows(bank, name, settings, rng):
    """Return one row per looked-at spot of a slide left out."""
    rest = bank.without(slides=[name])
    fitted = settings.fit(rest)
    queries = bank.embeddings_of(name)
    cited = fitted.predict(queries).citations
    core = rest.columns_of(choose_anchors(rest, rest.measured_everywhere, rule="variable", n=CORE))
    profiles = rest.on_scale(settings.scale)[:, core].toarray()
    rows = rest.references.index.get_indexer(cited.references.index)
    candidate = pd.Index(fitted.rows).get_indexer(rows)
    values = cited.sum_expression()[:, core]
    spots = np.arange(0, len(queries.spots), EVERY)
    found, groups, random = [], [], []
    for spot in spots:
        start, end = cited.weights.indptr[spot : spot + 2]
        share = np.abs(cited.weights.data[start:end])
        share = share / share.sum()
        label, of_bank = cited.groups[start:end], rows[cited.weights.indices[start:end]]
        first = np.flatnonzero(label == 1)
        first = first[np.argsort(-share[first], kind="stable")]
        positions = candidate[cited.weights.indices[start:end]]
        groups.append(positions[first])
        random.append(positions[random_of_weight(share, share[first].sum(), rng)])
        row = {
            "references": len(share),
            "five strongest": np.sort(share)[::-1][:5].sum(),
            "five groups": share[label > 0].sum(),
            "first group": share[first].sum(),
        }
        if len(first) > 1:
            row |= alike(of_bank[first], of_bank, fitted.prepared.bank, profiles, rng)
        found.append(row)
    problem = fitted.problem(queries)
    table = pd.DataFrame(found)
    table["moved by the group"] = moved(fitted, problem, spots, groups, values[spots], core)
    table["moved by random"] = moved(fitted, problem, spots, random, values[spots], core)
    return table.assign(slide=name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("--sparse", action="store_true", help="generag_sparse's strength")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    bank, settings = read_bank(asked.bank), GeneRAG()
    if asked.sparse:
        rows = {row.name: row.method for row in standard_rows(settings, bank)}
        settings = rows["generag_sparse"]
    rng = np.random.default_rng(0)
    tables = [
        slide_rows(bank, name, settings, rng)
        for name in track(bank.slides.index, label="slides", total=len(bank.slides))
    ]
    mean = pd.concat(tables).groupby("slide").mean().T
    print(markdown_table(mean, index="", cell=lambda value, _: f"{value:.3f}"))
    if asked.json:
        asked.json.write_text(mean.to_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
