"""Whether the two stores, the spool and the checkpoints agree, and what mends them: `python -m search doctor`."""
