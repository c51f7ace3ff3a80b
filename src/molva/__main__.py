"""`python -m molva`."""

from molva.cli import main

if __name__ == "__main__":
    main()
