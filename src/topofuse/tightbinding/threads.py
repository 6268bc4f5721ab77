"""Threads of linear algebra."""

from __future__ import annotations

from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def linear_algebra() -> ThreadpoolController:
    """The libraries whose threads only wait for each other on matrices as small as these: up to ten times slower."""
    return ThreadpoolController().select(user_api="blas")
