"""python -m analysis.certificate: see command.py."""

from analysis.certificate.command import main

if __name__ == "__main__":
    main()
