"""Search methods: what is tried next, and who waits, goes on and is stopped. One file a method, named as its flag."""
