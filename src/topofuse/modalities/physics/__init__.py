"""Physics features: what an expert would compute on paper."""
