"""python -m experiments.plan: see command.py."""

from experiments.plan.command import main

if __name__ == "__main__":
    main()
