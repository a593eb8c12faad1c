"""`python -m voxtide.bench`, as `voxtide bench`. In: the process's arguments. Out: its exit status."""

from voxtide.bench.command import main

if __name__ == "__main__":  # processes that figures start import this module too
    raise SystemExit(main())
