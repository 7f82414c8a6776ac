"""The contenders: each file is one, configured as its own documentation advises, which its docstring names."""
