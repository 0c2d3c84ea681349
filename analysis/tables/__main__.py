"""python -m analysis.tables: see make.py."""

from analysis.tables.make import main

if __name__ == "__main__":
    main()
