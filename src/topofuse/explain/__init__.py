"""Why a model says what it says of one crystal."""

from topofuse.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
