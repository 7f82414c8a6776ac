"""What a study shows in Python, as in a notebook."""
