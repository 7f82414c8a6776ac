"""What becomes of a model that is kept: it is asked about pictures, here and as a server."""
