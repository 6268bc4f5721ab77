"""topofuse: topological class of a crystal from its structure alone."""

__version__ = "0.1.0"
