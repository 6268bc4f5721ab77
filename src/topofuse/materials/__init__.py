"""Data sets of labelled crystals and their splits."""

from topofuse.materials.dataset import Dataset, DatasetError
from topofuse.materials.sources import load
from topofuse.materials.splits import check_splits, grouped_holdout, make_splits

__all__ = ["Dataset", "DatasetError", "check_splits", "grouped_holdout", "load", "make_splits"]
