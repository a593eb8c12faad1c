"""`python -m voxtide.bench`, as `voxtide bench`. In: the process's arguments. Out: its exit status."""

if __name__ == "__main__":  # processes that figures start import this module too
    try:
        from voxtide.bench.command import main  # Ctrl-C may come while it is imported

        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
