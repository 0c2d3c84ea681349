"""python -m experiments.doctor: see command.py."""

from experiments.doctor.command import main

if __name__ == "__main__":
    main()
