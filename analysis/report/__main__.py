"""python -m analysis.report: see command.py."""

from analysis.report.command import main

if __name__ == "__main__":
    main()
