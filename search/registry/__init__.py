"""Models that are kept: under which names they are found, and which of them is the one to use."""
