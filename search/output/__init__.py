"""What people and programs are told: tables, progress, comparisons, and what to type next."""
