"""``python -m roadbed.demo.sample > inquiries.csv``: the sample as a table."""

from __future__ import annotations

import argparse
import csv
import sys

from roadbed.demo.sample.inquiries import generate


def main() -> None:
    """Print the sample as CSV with the columns text and queue; queue is empty for none."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=9_600)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    table = csv.writer(sys.stdout)
    table.writerow(["text", "queue"])
    for item in generate(arguments.count, seed=arguments.seed):
        table.writerow([item.text, item.queue or ""])


main()
