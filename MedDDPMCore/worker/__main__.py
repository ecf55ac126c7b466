"""`python -m MedDDPMCore.worker`: what `medddpm worker` does, without loading the other commands."""

import argparse
import sys

from .start import DESCRIPTION, add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser("medddpm worker", description=DESCRIPTION)
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
