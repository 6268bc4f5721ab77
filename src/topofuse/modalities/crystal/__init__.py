"""Crystal graph: orbits of atoms and their neighbours."""
