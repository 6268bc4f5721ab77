"""Structure files in, predictions out."""
