"""python -m analysis.look: see command.py."""

from analysis.look.command import main

if __name__ == "__main__":
    main()
