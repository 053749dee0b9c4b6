"""`python -m runestore --version`: what is installed."""

import argparse
import platform

from . import __version__


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m runestore", description="An embeddable event store.")
    version = f"runestore {__version__} ({platform.python_implementation()} {platform.python_version()})"
    parser.add_argument("--version", action="version", version=version)
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
