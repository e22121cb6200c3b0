"""Processes that add, remove, read, embed, predict and run experiments at once, and are killed.

Each round starts two to four processes on one folder and kills some of them at random moments.
Afterwards everything must be as if the finished operations had come one after the other: nothing
lost, nothing half written, nothing that a reader saw was a mixture, and nothing left lying about.

    python benchmarks/chaos.py --rounds 500 --seed 0
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import sparse

import spatialrag
from spatialrag.bank.bank import Bank
from spatialrag.bank.build import bank_of_section, join_banks
from spatialrag.bank.store import read_bank, update_bank, verify_bank, write_bank
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.expression.section import Section
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.store import write_prediction
from spatialrag.provenance import fingerprint

KINDS = {"bank": 12, "texts": 4, "patches": 3, "experiment": 1}  # how often
LONGEST = 300.0  # seconds: a round that is not over then hangs
ENCODER = EncoderRecord("made", "ab" * 32, 8, 100.0, 0)
GENES = np.array([f"G{i:02d}" for i in range(20)])
RECIPE = """
schema = 1
title = "Chaos"
cohort = {{ table = "{table}", test = ["toy1"] }}
embedding = {{ encoders = ["color"] }}
evaluation = {{ leave = ["slide"], n_core = 20, n_global = 40 }}
methods = {{ backbones = ["linear"], generag = ["default"], seeds = [0] }}
"""


def slide_bank(slide: str, donor: str) -> Bank:
    """Return the bank of one slide of eight spots; the same for the same name."""
    rng = np.random.default_rng(int(fingerprint(slide)[:8], 16))
    spots = np.array([f"{i}" for i in range(8)])
    section = Section(
        slide=slide,
        donor=donor,
        expression=sparse.csr_matrix(rng.poisson(5, (8, len(GENES))).astype(np.float32)),
        genes=GENES,
        spots=spots,
        xy=rng.uniform(0, 100, (8, 2)),
        mpp=0.5,
    )
    vectors = rng.normal(size=(8, 8)).astype(np.float32)
    return bank_of_section(section, Embeddings(vectors, slide, spots, section.xy, 0.5, ENCODER))


def make_small_toy(folder: Path) -> None:
    """Write a toy cohort of four slides of 56 spots."""
    toy = import_module("spatialrag.toy")
    toy.make_toy(folder, settings=toy.ToyTissue(n_genes=300, columns=8, rows=7, seed=3))


class Journal:
    """What a process has begun and finished, one line each, that outlives it."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._file = (folder / f"{worker}.log").open("a", buffering=1)

    def __call__(self, *words: str) -> None:
        self._file.write(json.dumps(words) + "\n")


class BankRounds:
    """Two slides of a donor come and go together; others read and predict."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bank.zarr"
        self.folder = folder
        self.state: dict[str, bool] = {}

    def prepare(self) -> None:
        write_bank(join_banks([slide_bank("s1", "d0"), slide_bank("s2", "d0")]), self.path)

    def work(self, worker: int, rng: random.Random, journal: Journal) -> None:
        if worker == 0:
            return self._read(rng, journal)
        donor = f"w{worker}"
        pair = [slide_bank(f"{donor}{part}", donor) for part in "ab"]
        present = self.state.get(donor, False)
        for _ in range(rng.randint(1, 3)):
            present = not present
            journal("begin", donor, present)
            if present:
                update_bank(self.path, lambda bank: join_banks([bank, *pair]))
            else:
                update_bank(self.path, lambda bank: bank.without(donors=[donor]))
            journal("end", donor, present)
        return None

    def _read(self, rng: random.Random, journal: Journal) -> None:
        for i in range(rng.randint(5, 15)):
            bank = self.check(read_bank(self.path))
            journal("read")
            if i % 5 == 4:
                self.check(verify_bank(self.path))
                rest = bank.without(slides=["s1"])
                method = GeneRAG(n_anchors=8, backbone="linear")
                made = method.fit(rest).predict(bank.embeddings_of("s1"))
                write_prediction(made, self.folder / "p.h5ad")
                journal("predicted")

    @staticmethod
    def check(bank: Bank) -> Bank:
        counts = Counter(bank.slides["donor"])
        assert set(counts.values()) == {2}, f"half a change: {counts}"
        return bank

    def verify(self, logs: list[list[list]]) -> None:
        """Compare the bank with what was finished, and what was begun may be there or not."""
        bank = self.check(verify_bank(self.path))
        allowed = {donor: {present} for donor, present in self.state.items()}
        for log in logs:
            for what, *said in log:
                if what in ("begin", "end"):
                    donor, present = said
                    before = allowed.get(donor, {False}) if what == "begin" else set()
                    allowed[donor] = before | {present}
        found = set(bank.slides["donor"])
        for donor, states in allowed.items():
            assert (donor in found) in states, f"{donor} is {donor in found}, expected {states}"
            self.state[donor] = donor in found
        assert found <= {"d0", *allowed}, f"donors from nowhere: {found}"
        if (self.folder / "p.h5ad").exists():
            spatialrag.read_prediction(self.folder / "p.h5ad")
        update_bank(self.path, lambda bank: bank)  # removes what killed writers left
        left = {entry.name for entry in self.folder.iterdir()} - {"bank.zarr", "p.h5ad"}
        left = {name for name in left if not name.startswith(".p.h5ad.")}
        assert not left, f"left lying about: {left}"


class Letters:
    """A text embedder that is slow enough to be killed."""

    identity = {"model": "letters"}  # noqa: RUF012  (the protocol's)

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, texts: list[str], *, instruction: str = "") -> np.ndarray:  # noqa: ARG002
        time.sleep(0.01)
        self.asked += len(texts)
        return np.array([[len(text), float(text[1:]), 1] for text in texts], np.float32)


class TextRounds:
    """Texts embedded through one cache."""

    TEXTS = [f"t{i}" for i in range(200)]  # noqa: RUF012

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder / "texts", import_module("spatialrag.semantics.cache")
        self.cache._TEXTS = 7

    def prepare(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def work(self, _worker: int, rng: random.Random, journal: Journal) -> None:
        for _ in range(3):
            texts = rng.sample(self.TEXTS, 60)
            found = self.cache.embed_texts(Letters(), texts, cache=self.folder)
            assert found[:, 1].tolist() == [float(text[1:]) for text in texts], "mixed up"
            journal("texts", *texts)

    def verify(self, logs: list[list[list]]) -> None:
        kept = sorted({text for log in logs for what, *texts in log for text in texts})
        again = Letters()
        if kept:
            found = self.cache.embed_texts(again, kept, cache=self.folder)
            assert found[:, 1].tolist() == [float(text[1:]) for text in kept], "mixed up"
        assert again.asked == 0, f"{again.asked} texts lost"


class PatchRounds:
    """A slide embedded through one cache."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.toy = folder / "patches", folder / "toy"
        self.module = import_module("spatialrag.encoders.embedding")

    def prepare(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if not self.toy.exists():
            make_small_toy(self.toy)
            np.save(self.toy / "expected.npy", self._embed(None))

    def _embed(self, cache: Path | None) -> np.ndarray:
        section = spatialrag.read_cohort(self.toy / "slides.csv")[0]
        return self.module.embed(section, encoder="color", cache=cache, batch=3).vectors

    def work(self, _worker: int, _rng: random.Random, journal: Journal) -> None:
        self._check(self._embed(self.folder))
        journal("embedded")

    def verify(self, _logs: list[list[list]]) -> None:
        self._check(self._embed(self.folder))

    def _check(self, found: np.ndarray) -> None:
        np.testing.assert_array_equal(found, np.load(self.toy / "expected.npy"))


class ExperimentRounds:
    """One experiment run several times at once in one folder."""

    def __init__(self, folder: Path) -> None:
        self.out, self.toy = folder / "out", folder / "cohort"
        self.module = import_module("spatialrag.workflow.run")

    def prepare(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        if not self.toy.exists():
            make_small_toy(self.toy)
            (self.toy / "recipe.toml").write_text(RECIPE.format(table="slides.csv"))
            self._run(self.toy / "alone").to_csv(self.toy / "expected.csv", index=False)

    def _run(self, out: Path):
        recipe = import_module("spatialrag.workflow.recipe").read_recipe(self.toy / "recipe.toml")
        results = self.module.run_experiment(recipe, out, data=self.toy)
        return results.scores.drop(columns=["seconds", "train_seconds"]).round(6)

    def work(self, _worker: int, _rng: random.Random, journal: Journal) -> None:
        self._run(self.out)
        journal("ran")

    def verify(self, _logs: list[list[list]]) -> None:
        self._run(self.out).to_csv(self.toy / "found.csv", index=False)
        same = (self.toy / "found.csv").read_text() == (self.toy / "expected.csv").read_text()
        assert same, "other scores than alone"
        left = [path.name for path in self.out.rglob(".*") if "cache" not in path.parts]
        assert not [name for name in left if name.endswith(".lock")], f"left: {left}"


ROUNDS = {
    "bank": BankRounds,
    "texts": TextRounds,
    "patches": PatchRounds,
    "experiment": ExperimentRounds,
}
SPAN = {"bank": 4.0, "texts": 1.5, "patches": 1.5, "experiment": 15.0}  # seconds until all is done


def start(task, errors: Path) -> int:
    """Run a task in a process of its own, forked before anything was opened."""
    process = os.fork()
    if process:
        return process
    code = 0
    try:
        task()
    except BaseException:  # noqa: BLE001  (all of it is reported)
        errors.write_text(traceback.format_exc())
        code = 3
    os._exit(code)


def wait(processes: dict[int, float]) -> tuple[int, int]:
    """Kill processes at their times and wait for all; return how many were killed, and hang."""
    begun, killed, hung = time.monotonic(), 0, 0
    running = set(processes)
    while running:
        now = time.monotonic() - begun
        for process in sorted(running):
            if os.waitpid(process, os.WNOHANG)[0]:
                running.discard(process)
            elif now > processes[process]:
                hung += now > LONGEST
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                running.discard(process)
                killed += 1
        time.sleep(0.01)
    return killed, hung


class Chaos:
    """All rounds, their counts, and what went wrong."""

    def __init__(self, folder: Path, speed: float) -> None:
        self.folder, self.speed = folder, speed
        self.rounds: dict[str, object] = {}
        self.counts: Counter = Counter()
        self.failures: list[str] = []

    def run(self, kind: str, seed: int) -> None:
        rng = random.Random(seed)
        folder = self.folder / kind
        logs, errors = self.folder / "logs", self.folder / "errors"
        for each in (logs, errors):
            shutil.rmtree(each, ignore_errors=True)
            each.mkdir(parents=True)
        if kind not in self.rounds:
            folder.mkdir()
            self.rounds[kind] = ROUNDS[kind](folder)
            self._alone(self.rounds[kind].prepare, errors / "prepare")
        elif kind != "bank":
            self._alone(self.rounds[kind].prepare, errors / "prepare")
        rounds, span = self.rounds[kind], SPAN[kind] * self.speed
        processes = {}
        for worker in range(rng.randint(2, 4)):
            drawn = random.Random(seed * 10 + worker)

            def task(worker: int = worker, drawn: random.Random = drawn) -> None:
                rounds.work(worker, drawn, Journal(logs, worker))

            process = start(task, errors / str(worker))
            processes[process] = rng.uniform(0, span) if rng.random() < 0.6 else LONGEST
        killed, hung = wait(processes)
        found = [read_log(path) for path in sorted(logs.iterdir())]
        self.counts.update(rounds=1, killed=killed, **{f"rounds of {kind}": 1})
        self.counts.update(line[0] for log in found for line in log if line[0] != "begin")
        self.failures += [f"{kind}, seed {seed}: a process hangs"] * hung

        def check() -> None:
            rounds.verify(found)
            if kind == "bank":
                (self.folder / "state.json").write_text(json.dumps(rounds.state))

        self._alone(check, errors / "verify")
        if kind == "bank" and (self.folder / "state.json").exists():
            rounds.state = json.loads((self.folder / "state.json").read_text())
        self.failures += [
            f"{kind}, seed {seed}, {path.name}: {path.read_text()}"
            for path in sorted(errors.iterdir())
        ]

    @staticmethod
    def _alone(task, errors: Path) -> None:
        _, hung = wait({start(task, errors): LONGEST})
        if hung:
            errors.write_text("hangs")


def read_log(path: Path) -> list[list]:
    """Return the lines of a journal; the last may be cut by a kill."""
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0, help="above 1 on slow machines")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), given.speed)
        for i in range(given.rounds):
            seed = given.seed + i
            weights = [KINDS[kind] for kind in given.kinds]
            kind = random.Random(seed).choices(given.kinds, weights)[0]
            before = len(chaos.failures)
            chaos.run(kind, seed)
            for failure in chaos.failures[before:]:
                print(failure, flush=True)
            if (i + 1) % 25 == 0:
                print(f"{i + 1} rounds, {len(chaos.failures)} failures", flush=True)
    told = ", ".join(f"{name} {count}" for name, count in sorted(chaos.counts.items()))
    print(f"seeds {given.seed} to {given.seed + given.rounds - 1}: {told}")
    print(f"{len(chaos.failures)} failures in {time.monotonic() - begun:.0f} s")
    return 1 if chaos.failures else 0


if __name__ == "__main__":
    sys.exit(main())
