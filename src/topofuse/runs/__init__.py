"""A run of the whole strategy, from crystals to report; ablation and generalisation take the same steps."""

from topofuse.system.extras import require

require("training", "train", "torch", "lightgbm")
