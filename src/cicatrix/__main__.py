"""`python -m cicatrix` is `cicatrix`."""

from cicatrix.cli import main

if __name__ == "__main__":
    main()
