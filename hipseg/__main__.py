"""`python -m hipseg COMMAND`: the same as `hipseg COMMAND`."""

from hipseg.commands import main

if __name__ == "__main__":
    main()
