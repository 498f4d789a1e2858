"""`python main.py spec | check | discover | read`."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # what is imported stays; `run` looks for garbage again when there can be some
    from source_rest_api import main

    sys.exit(main())
