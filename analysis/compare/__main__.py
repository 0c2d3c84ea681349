"""python -m analysis.compare: see command.py."""

from analysis.compare.command import main

if __name__ == "__main__":
    main()
