"""python -m experiments.sweep: see commands.py."""

from experiments.sweep.commands import main

if __name__ == "__main__":
    main()
