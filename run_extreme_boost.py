"""The whole strategy in one call: the same as `topofuse run`, with the same options."""

from topofuse.cli.train import run_command

if __name__ == "__main__":  # workers of a run import this file
    run_command()
