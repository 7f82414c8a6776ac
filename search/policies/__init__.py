"""Who is tried, waits, goes on and is stopped."""
