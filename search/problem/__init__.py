"""What is searched: settings, the space, objectives and limits, and where a search begins."""
