"""python -m experiments.tasks: see problem_files.py."""

from experiments.tasks.problem_files import main

if __name__ == "__main__":
    main()
