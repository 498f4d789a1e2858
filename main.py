"""`python main.py spec | check | discover | read`."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # imported objects are never garbage; `run` enables collection again after start-up
    from source_rest_api import main

    sys.exit(main())
