"""`python -m tests.benchmarks`: whole exports beside the peers that are installed, in the same run."""

from tests.benchmarks.bench_dump import main

if __name__ == "__main__":
    main()
