"""`python -m tfi2i`: the command, where the shell does not find it."""

from tfi2i.cli import main

if __name__ == "__main__":
    main()
