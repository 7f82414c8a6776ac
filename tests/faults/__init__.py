"""What must hold when things break: real processes, killed; real stores, locked, full and away."""
