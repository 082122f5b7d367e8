"""`python -m earthcurator` is `curator`."""

from earthcurator.cli import main

main()
