"""`python -m engine` is `brats-engine`."""

from engine.cli import main

raise SystemExit(main())
