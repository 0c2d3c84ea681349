"""python -m analysis.figures: see make.py."""

from analysis.figures.make import main

if __name__ == "__main__":
    main()
