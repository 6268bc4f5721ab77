"""`python -m topofuse.cli`."""

from topofuse.cli import main

main()
