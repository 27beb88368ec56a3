"""`python -m remit` and the `remit` command: the front door, which only opens `api.cli`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from api.cli import run

    run()


if __name__ == "__main__":
    main()
