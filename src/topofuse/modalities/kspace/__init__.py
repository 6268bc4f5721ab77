"""k-space graph: high-symmetry momenta and the lines between them."""
