"""Files that appear whole, processes, supervised workers: what any room may use."""
