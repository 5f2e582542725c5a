"""Run the command line as `python -m dsv3`."""

from .cli.app import main

main()
