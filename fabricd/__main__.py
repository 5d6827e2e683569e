"""`python -m fabricd`: the fabricd command.

Run by the interpreter. Holds nothing of its own.
"""

from fabricd.cli.fabricd import main

if __name__ == "__main__":
    main()
