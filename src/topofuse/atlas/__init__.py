"""The atlas: the predictions for a whole database of structures in one file, searched without a model."""
