"""Numbers of things in sentences."""


def counted(count: int, what: str) -> str:
    """Return `1 trial`, `2 trials`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
