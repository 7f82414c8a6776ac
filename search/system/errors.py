"""What goes wrong for a reason that a person can mend."""


class UsageError(Exception):
    """Something asked for that cannot be: names the value, the place and the way out. Nothing was written."""


class SearchError(Exception):
    """A search that had to stop. What was finished stays; the message says what to do before going on."""
