"""`python -m search`."""

# Workers import this module, too, and need none of the command line.
if __name__ == "__main__":
    from search.cli import main

    main()
