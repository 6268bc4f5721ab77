"""Threads of linear algebra."""

from __future__ import annotations

from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def linear_algebra() -> ThreadpoolController:
    """The libraries whose threads only wait for each other on matrices as small as these: up to ten times slower."""
    import scipy.linalg.lapack  # noqa: F401 (has a library of its own, which is found only once it is loaded)

    return ThreadpoolController().select(user_api="blas")
