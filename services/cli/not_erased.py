"""Why nothing was erased."""


class NotErased(Exception):
    """Nothing was erased. Says why, and what to do."""


class BadNumber(NotErased):
    """What was given can't be looked for. Says what to do, and does not quote it."""
