"""python -m analysis.calibrate: see measure.py."""

from analysis.calibrate.measure import main

if __name__ == "__main__":
    main()
