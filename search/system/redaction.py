"""What of an address may be shown."""

import re


def redacted(text: str) -> str:
    """Return an address, or one word of a command line with an address in it, without the password."""
    # As SQLAlchemy reads it, and further: a password with an unescaped @ in it is not half shown.
    before_host = re.sub(r"(?s)(://[^:/@]*:).*@", r"\1***@", text)
    return re.sub(r"\b(password=)[^&]*", r"\1***", before_host)


def has_password(address: str) -> bool:
    """Whether an address holds what is not to be shown."""
    return redacted(address) != address
