"""`python -m search report`: all that was searched, as one HTML file that needs no server and no network."""
