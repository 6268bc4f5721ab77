"""A run of the whole strategy, from crystals to report; ablation and generalisation take the same steps."""
