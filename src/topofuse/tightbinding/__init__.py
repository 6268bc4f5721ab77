"""The band sketch: a tight-binding model from tables of free atoms; nothing in it is learned.

`sketch.sketch_of` gives the bands of a crystal with spin-orbit coupling, `indicators` and `states` what symmetry says
of them. The modalities `bands` and `indicators` make columns of it, `topofuse.sketch` shows it to people.
"""
