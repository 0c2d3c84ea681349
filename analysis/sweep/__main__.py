"""python -m analysis.sweep: see make.py."""

from analysis.sweep.make import main

if __name__ == "__main__":
    main()
