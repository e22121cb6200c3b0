"""From slides to a cited prediction, in one page, on the toy tissue."""

from pathlib import Path
from tempfile import TemporaryDirectory

import spatialrag as sr
from spatialrag.toy import ToyTissue


def main():
    with TemporaryDirectory() as folder:
        small = ToyTissue(n_genes=1300, columns=5, rows=5)
        sections = sr.read_cohort(sr.make_toy(folder, settings=small))
        known, query = sections[:3], sections[3]

        bank = sr.build_bank(known, encoder="color")
        sr.write_bank(bank, Path(folder) / "bank.zarr")

        # Only the spots' places are used of the query: its counts are held back.
        embeddings = sr.embed(query.located, encoder="color")
        prediction = sr.GeneRAG().fit(bank).predict(embeddings)

        gene = prediction.genes[0]
        evidence = sr.explain(prediction, spot=prediction.spots[0], gene=gene)
        print(f"{gene} = {evidence.value:.3f}, of which the strongest references give")
        print(evidence.citations[["reference", "weight", "contribution"]].head().to_string())
        return evidence


if __name__ == "__main__":
    main()
