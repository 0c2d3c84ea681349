"""python -m experiments.tracking: see command.py."""

from experiments.tracking.command import main

if __name__ == "__main__":
    main()
