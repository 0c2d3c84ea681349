"""python -m analysis.report: see make.py."""

from analysis.report.make import main

if __name__ == "__main__":
    main()
