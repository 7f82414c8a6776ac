"""`python -m search`, but for a family that takes no TensorFlow: processes that start fast can be killed often.

What stands outside of `main` is done in workers, too: they begin with their driver's main module.
"""

import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import models
from models import families, precision
from search.workers.engines import processes

processes.IMPORTS = ()
families.__path__.append(str(Path(__file__).parent / "families"))
runtime = ModuleType("models.runtime")
runtime.configure = lambda threads: None  # type: ignore[attr-defined]  # stands in for what configures TensorFlow
runtime.release = lambda: None  # type: ignore[attr-defined]  # see above
sys.modules["models.runtime"] = models.runtime = runtime  # type: ignore[attr-defined]  # see above
precision.computing = lambda computing: nullcontext()  # type: ignore[assignment]  # stands in for what takes Keras

if __name__ == "__main__":
    from search.cli import main

    main()
