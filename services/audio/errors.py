"""What this library says when it is given something that is not usable sound."""


class AudioError(ValueError):
    """The sound cannot be used; the message says what to do about it."""
