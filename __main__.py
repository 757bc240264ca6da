"""Lets `python -m computemarket` do what the `computemarket` command does."""

from .cli import main

if __name__ == "__main__":
    main()
