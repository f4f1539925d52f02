"""`python -m emotionnet` and the `emotionnet` program."""

from emotionnet.apps.cli import main

if __name__ == "__main__":
    main()
