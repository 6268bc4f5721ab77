"""What can go wrong: every exception that topofuse raises on purpose is a `TopofuseError`."""


class TopofuseError(Exception):
    """A fault that a person can mend; the message names the value, what is allowed, and the way out."""
