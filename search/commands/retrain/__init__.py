"""A trial trained once more: with more epochs or more images, or exactly as it was, to see whether that holds."""
