"""One architecture each, with its space beside it. The file's name is the family's name."""
