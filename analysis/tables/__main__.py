"""python -m analysis.tables: see command.py."""

from analysis.tables.command import main

if __name__ == "__main__":
    main()
