"""python -m analysis.figures: see command.py."""

from analysis.figures.command import main

if __name__ == "__main__":
    main()
