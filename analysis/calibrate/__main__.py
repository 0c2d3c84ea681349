"""python -m analysis.calibrate: see command.py."""

from analysis.calibrate.command import main

if __name__ == "__main__":
    main()
