"""`python -m voxtide.bench`. In: the process's arguments. Out: its exit status. Knows nothing else."""

from voxtide.bench.command import main

if __name__ == "__main__":  # the fresh processes that some figures start import this module too
    raise SystemExit(main())
