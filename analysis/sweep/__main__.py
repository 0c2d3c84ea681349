"""python -m analysis.sweep: see command.py."""

from analysis.sweep.command import main

if __name__ == "__main__":
    main()
