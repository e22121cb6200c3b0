"""The same work on the CPU and on a torch device, in one run: seconds, and how far results differ.

    python benchmarks/devices.py --device cuda --json devices.json
    python benchmarks/devices.py --device cpu --small        # tries the script itself

Solving (Eq. 1, generated), SemST's training (generated tissue), a DeepSpot backbone (generated
bank) and a ResNet-50 encoder with random weights. The first run on a device is not timed.
"""

import argparse
import json
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
import domains_scale
import problems

from spatialrag.replace import replace_text

SIZES = {"references": 13_433, "queries": 187, "spots": 20_000, "epochs": 20, "patches": 2_000}
SMALL = {"references": 800, "queries": 10, "spots": 500, "epochs": 2, "patches": 8}


def timed(run, device, repeats):
    """Return the least seconds of several runs after a first one, and the last result."""
    result, seconds = run(device), []
    for _ in range(repeats):
        started = time.perf_counter()
        result = run(device)
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


def solve(sizes):
    from spatialrag.solvers.working_set.working_set import WorkingSet

    problem = problems.generated(sizes["references"], sizes["queries"])

    def run(device):
        return WorkingSet(device=device).solve(problem).require_converged()

    def compare(one, other):
        return {
            "largest_difference_of_weights": float(abs(one.weights - other.weights).max()),
            "largest_relative_gap": float(np.max(other.relative_gap)),
        }

    return run, compare


def train_semst(sizes):
    from spatialrag.domains.clustering import Clustering
    from spatialrag.domains.semst.semst import SemST
    from spatialrag.metrics.domains import domain_scores

    tissue, truth = domains_scale.tissue(sizes["spots"])
    method = SemST(clustering=Clustering())
    method = replace(method, training=replace(method.training, epochs=sizes["epochs"]))

    def run(device):
        return replace(method, device=device).fit_predict(tissue, n_domains=8)

    def compare(one, other):
        scores = domain_scores(one.labels, other.labels)
        own = domain_scores(truth, other.labels)
        return {"ari_between_devices": scores["ari"], "ari": own["ari"]}

    return run, compare


def train_backbone(sizes):
    from spatialrag.prediction.backbones.deepspot.deepspot import DeepSpot
    from spatialrag.prediction.backbones.fitting import Fitting

    bank = generated_bank(sizes["spots"] // 5)
    settings = DeepSpot(fitting=Fitting(epochs=max(2, sizes["epochs"] // 4), patience=None))
    queries = bank.embeddings_of("s0")

    def run(device):
        placed = replace(settings, fitting=replace(settings.fitting, device=device))
        fitted = placed.fit(bank, bank.genes[:300], scale="log1p_cp10k")
        return fitted.predict(queries)

    def compare(one, other):
        r = np.corrcoef(np.ravel(one), np.ravel(other))[0, 1]
        return {"r_between_devices": float(r)}

    return run, compare


def generated_bank(n):
    """Return a bank of four slides whose expression follows the vectors."""
    from scipy import sparse

    from spatialrag.bank.build import bank_of_section, join_banks
    from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
    from spatialrag.expression.section import Section

    rng, parts = np.random.default_rng(0), []
    loadings = rng.normal(0, 0.05, (512, 400))
    record = EncoderRecord("generated", "0", 512, 150.0, 0)
    for number in range(4):
        vectors = rng.standard_normal((n // 4, 512)).astype(np.float32)
        counts = rng.poisson(np.exp(vectors @ loadings)).astype(np.float32) + 0.0
        counts[:, 0] += 1
        names = np.array([f"p{i}" for i in range(len(vectors))])
        xy = rng.uniform(0, 1e4, (len(vectors), 2))
        genes = np.array([f"G{i:03d}" for i in range(400)])
        matrix = sparse.csr_matrix(counts)
        section = Section(f"s{number}", f"d{number}", matrix, genes, names, xy, mpp=0.5)
        made = Embeddings(vectors, section.slide, names, xy, 0.5, record)
        parts.append(bank_of_section(section, made))
    return join_banks(parts)


def encode(sizes):
    from spatialrag.compatibility import prepare_torchvision
    from spatialrag.encoders.network import NetworkEncoder

    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    network = timm.create_model("resnet50", pretrained=False, num_classes=0).eval()
    patches = np.random.default_rng(0).integers(0, 255, (64, 224, 224, 3), np.uint8)

    def run(device):
        encoder = NetworkEncoder(network, "resnet50", "random", 224).to(device)
        return np.concatenate([encoder.encode(patches) for _ in range(sizes["patches"] // 64 + 1)])

    def compare(one, other):
        scale = np.abs(one).max()
        return {"largest_relative_difference": float(np.abs(one - other).max() / scale)}

    return run, compare


PARTS = {
    "solver": solve,
    "semst": train_semst,
    "deepspot": train_backbone,
    "encoder": encode,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sizes = SMALL if asked.small else SIZES
    name = asked.device
    if name.startswith("cuda"):
        name = torch.cuda.get_device_name(asked.device)
    found = {
        "device": name,
        "cpu": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "sizes": sizes,
        "parts": {},
    }
    for part in asked.parts:
        run, compare = PARTS[part](sizes)
        slow, first = timed(run, "cpu", asked.repeats if asked.small else 1)
        fast, second = timed(run, asked.device, asked.repeats)
        found["parts"][part] = {"cpu_seconds": slow, "device_seconds": fast, "times": slow / fast}
        found["parts"][part] |= compare(first, second)
        print(part, json.dumps(found["parts"][part]), flush=True)
        if asked.json is not None:
            replace_text(asked.json, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
