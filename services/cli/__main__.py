"""python -m services.cli: the program without its script."""

from services.cli.commands import main

main()
