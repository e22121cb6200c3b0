"""How many cases an attack draws: a few in the default suite, any number in a campaign."""

import functools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("ATTACKS", "0"))
COUNTED: Counter[str] = Counter()


def cases(number: int) -> Callable[[Any], Any]:
    """Return what gives a test made by ``@given`` its number of cases, and counts them.

    In the default suite they are the same ones every time; in a campaign ``ATTACKS`` times as
    many, by the seed of ``--hypothesis-seed``.
    """

    def decorate(test: Any) -> Any:
        inner = test.hypothesis.inner_test

        @functools.wraps(inner)
        def counted(*arguments: object, **named: object) -> None:
            COUNTED[inner.__name__] += 1
            inner(*arguments, **named)

        test.hypothesis.inner_test = counted
        return settings(
            max_examples=number * max(TIMES, 1),
            derandomize=not TIMES,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )(test)

    return decorate
