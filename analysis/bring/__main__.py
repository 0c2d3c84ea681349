"""python -m analysis.bring: see command.py."""

from analysis.bring.command import main

if __name__ == "__main__":
    main()
