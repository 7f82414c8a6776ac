"""What the project costs and gains, measured against doing without it and against what else there is.

    make bench                              # every table, one after another
    python -m benchmarks.overhead           # one of them
    python -m benchmarks.time_to_quality --budget 300 --seeds 3 --json FILE

Each script prints one table of ratios, and takes less than 15 minutes on two cores unless asked for more. Absolute
seconds say little on a machine that has other work to do, so what is compared runs in turn (raw, ours, raw), and the
medians of ratios count. Every contender is a process started cold; its start is part of its time.

The peers need the extra `bench`: `pip install -c constraints.txt -e '.[bench]'`.
"""
