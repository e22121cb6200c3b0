"""Turn the JSON files of `domains.py` into one page of Markdown tables.

python benchmarks/domain_tables.py OUT > docs/results/domains.md
"""

import argparse
from pathlib import Path

from spatialrag.evaluation.domains import read_domain_report
from spatialrag.tables.markdown import markdown_table

SETS = {
    "starmap": "STARmap mouse visual cortex, 7 layers (confirmation: nothing was chosen on it)",
    "bz5": "STARmap mouse prefrontal cortex BZ5, 4 layers",
    "bz9": "STARmap mouse prefrontal cortex BZ9, 4 layers",
    "bz5_bz9": "BZ5 and BZ9 jointly, 4 layers",
    "rep12": "Mouse olfactory bulb Rep12, 5 layers",
    **{name: f"HER2ST {name}, pathologist's regions" for name in ("A1", "B1", "C1", "D1")},
    **{name: f"HER2ST {name}, predicted from H&E" for name in ("B4", "C2", "C3", "C4")},
}
GROUPS = {
    "main": "SemST beside its controls",
    "semantics": "Semantics",
    "alone": "Semantics by themselves, averaged over neighborhoods: no network, no expression",
    "fusion": "Ways of fusion, descriptions as semantics",
    "k_genes": "Top genes per spot, descriptions as semantics",
    "presets": "As printed, as the published code runs (200 epochs at most), and the default",
    "choice": "What the default was chosen among (one setting changed at a time)",
    "baselines": "Other networks, with and without semantics",
    "baselines_fusion": "Other networks, other ways of fusion",
    "predicted": "Domains of predicted expression, against clusters of measured counts",
}
OVERVIEW = {
    "k-means on PCA": "PCA, k-means",
    "PCA over 15 neighbors": "smoothed PCA, k-means",
    "PCA over 15 neighbors, mixture": "smoothed PCA, mixture",
    "SemST, no semantics": "SemST",
    "SemST, no semantics, k-means": "SemST, k-means",
    "SemST, descriptions": "SemST, descriptions",
    "SemST, descriptions shuffled": "SemST, shuffled",
    "SemST, random": "SemST, random",
}
# Models that need weights from a hub; the recipe fills their rows where those can be had.
ABSENT = {
    "Qwen3-4B, the paper's prompt": "--semantics language_model:Qwen/Qwen3-4B --mode per_spot",
    "Qwen3-Embedding-4B, summaries": (
        "--semantics embedding_model:Qwen/Qwen3-Embedding-4B --summaries FILE"
    ),
}


def overview(folder):
    """ARI of every set with a main table: one line each."""
    lines = ["| | " + " | ".join(OVERVIEW.values()) + " |", "|---" * (len(OVERVIEW) + 1) + "|"]
    for name in SETS:
        path = folder / f"{name}_main.json"
        if path.exists():
            runs = read_domain_report(path).runs.groupby("arm")["ari"]
            mean, spread = runs.mean(), runs.std(ddof=0)
            cells = [f"{mean[arm]:.3f} ± {spread[arm]:.3f}" for arm in OVERVIEW]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("# Spatial domains, measured\n")
    print(
        "Mean ± standard deviation over seeds, last epoch of fixed ones, labels for scores alone; "
        "written by `benchmarks/domains.py`, `benchmarks/domains_predicted.py` and "
        "`benchmarks/domain_tables.py`. Seconds were taken with several runs side by side on two "
        "cores: orders of magnitude. `oracle` is the "
        "highest ARI over kept epochs, chosen by labels: what some publications report.\n"
    )
    print(overview(folder))
    for name, title in SETS.items():
        found = [group for group in GROUPS if (folder / f"{name}_{group}.json").exists()]
        if found:
            print(f"## {title}\n")
        for group in found:
            report = read_domain_report(folder / f"{name}_{group}.json")
            record = report.record
            facts = [f"{record['n_spots']} spots", f"K = {record['n_domains']}"]
            facts.append(f"{int(report.runs['n_scored'].iloc[0])} spots scored")
            facts += [f"{record[key]} {key[2:]}" for key in ("n_genes",) if key in record]
            print(f"### {GROUPS[group]}\n\n{', '.join(facts)}.\n")
            print(markdown_table(report.table()))
            if group == "semantics":
                print("Not run, for want of weights; `spatialrag domains` fills them:\n")
                print("\n".join(f"- {row}: – (`{how}`)" for row, how in ABSENT.items()) + "\n")


if __name__ == "__main__":
    main()
