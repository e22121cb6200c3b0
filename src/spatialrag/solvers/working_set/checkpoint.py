"""Interrupted solves go on from their last finished look at the bank."""

import hashlib
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from spatialrag.errors import InputError
from spatialrag.replace import replace_file
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.rounds import Rounds
from spatialrag.solvers.working_set.state import State, Trace

_PER_QUERY = ("gap", "proven", "passes", "best")


def save(path: str | Path, rounds: Rounds, queries: np.ndarray) -> None:
    """Write what a look has found, aside and renamed.

    Parameters
    ----------
    queries
        Queries still to be solved on their grown working sets.
    """
    path, state = Path(path), rounds.state
    smalls = state.smalls
    with replace_file(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            key=key_of(rounds),
            queries=queries,
            looked_at=rounds.trace.looked_at,
            sizes=[len(small.members) for small in smalls],
            members=np.concatenate([small.members for small in smalls]),
            weights=np.concatenate([small.weights for small in smalls]),
            refined=[small.refined for small in smalls],
            status=state.status.astype(str),
            **{name: getattr(state, name) for name in _PER_QUERY},
        )


def restored(path: str | Path, rounds: Rounds) -> tuple[Rounds, np.ndarray]:
    """Return fresh rounds in a saved state, and the queries still to be solved.

    Raises
    ------
    InputError
        The file belongs to another problem or other settings, or is no checkpoint.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            saved = dict(file)
        key = str(saved["key"])
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} is not a checkpoint of a solve", fix="remove it") from error
    if key != key_of(rounds):
        raise InputError(
            f"{path} belongs to another problem or to other settings",
            fix="remove it, or choose another path",
        )
    ends = np.cumsum(saved["sizes"])[:-1]
    members, weights = np.split(saved["members"], ends), np.split(saved["weights"], ends)
    design = rounds.problem.references
    design.hold(np.unique(saved["members"]))
    for small, references, values, refined in zip(
        rounds.state.smalls, members, weights, saved["refined"], strict=True
    ):
        if refined:
            small.refine(design)
        small.extend(design, references)
        small.place(design, values)
    state = State(
        rounds.state.smalls,
        status=saved["status"].astype(object),
        **{name: saved[name] for name in _PER_QUERY},
    )
    trace = Trace(saved["looked_at"].tolist())
    return replace(rounds, state=state, trace=trace), saved["queries"]


def key_of(rounds: Rounds) -> str:
    """Return a hash of the problem and of the settings that steer its rounds."""
    problem: Problem = rounds.problem
    digest = hashlib.blake2b(problem.references.fingerprint.encode(), digest_size=16)
    for array in (problem.targets, problem.l1, problem.l2, problem.banned, problem.groups):
        digest.update(b"none" if array is None else np.ascontiguousarray(array).data)
    if problem.without is not None:
        digest.update(b"without" + np.ascontiguousarray(problem.without).tobytes())
    digest.update(repr((problem.positive, problem.blocks, rounds.tol, rounds.grow)).encode())
    return digest.hexdigest()
