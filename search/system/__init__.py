"""What a search takes of the machine, and what all else builds upon: errors, locks, disks, signals, addresses."""
