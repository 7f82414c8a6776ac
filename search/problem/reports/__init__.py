"""What the two reports published, as data."""
