"""`python main.py spec | check | discover | read`."""

import sys

from source_rest_api import main

if __name__ == "__main__":
    sys.exit(main())
