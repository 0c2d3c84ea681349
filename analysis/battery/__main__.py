"""python -m analysis.battery: see analysis/battery/command.py."""

from analysis.battery.command import main

if __name__ == "__main__":
    main()
