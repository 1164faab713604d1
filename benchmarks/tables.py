"""Tables of past work: generated files against ``csv`` and Polars, and a million rows.

10,000 files are written well and damaged, and read by Roadbed, ``csv`` and Polars. Then a process
of its own reads one million rows of past work, so that its memory is that of the reading alone.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

ROWS = 1_000_000
READ = """
import resource, sys, time
from pathlib import Path
from roadbed.usecases.past_work import Columns, read_past_work

began = time.process_time()
past = read_past_work(Path(sys.argv[1]), Columns(texts=["subject", "body"], label="label"))
spent = time.process_time() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(len(past.rows), past.account.rows, spent, memory)
"""


def generated(files: int, folder: Path) -> dict[str, float]:
    """Generated files, written well and damaged; raises where a cell moved or a row is lost."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.property.test_tables import check_damaged, check_whole

    refused = 0
    for seed in range(files):
        check_whole(folder / "table.csv", seed)
        refused += check_damaged(folder / "table.csv", seed)
    return {"files": float(files), "refused": refused / files}


def write(path: Path) -> None:
    chance = random.Random(1)
    words = [f"word{number}" for number in range(500)]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["id", "subject", "body", "label"])
        for number in range(ROWS):
            body = " ".join(chance.choices(words, k=12))
            if number % 4 == 0:
                body = f'He said "{body}", and\nleft'
            elif number % 4 == 1:
                body += ", then"
            rows.writerow([number, words[number % 500], body, f"queue {chance.choice(words)}"])


def million(folder: Path) -> dict[str, float]:
    """Seconds of CPU and MB to read a million rows; the same by ``csv`` alone."""
    path = folder / "million.csv"
    write(path)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], check=True, capture_output=True, text=True
    )
    used, rows, seconds, memory = map(float, done.stdout.split())
    assert used == rows == ROWS
    began = time.process_time()
    with path.open(encoding="utf-8", newline="") as file:
        assert sum(1 for _ in csv.reader(file, strict=True)) == ROWS + 1
    plain = time.process_time() - began
    return {
        "million_seconds": seconds,
        "million_megabytes": memory,
        "million_to_csv": seconds / plain,
        "file_megabytes": path.stat().st_size / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = {**generated(arguments.files, Path(name)), **million(Path(name))}
    report.table(
        [
            (
                "generated files, no cell moved, no row lost",
                f"{figures['files']:,.0f}",
                "10,000",
                report.judged(figures["files"], 10_000),
            ),
            ("of the damaged ones refused", f"{figures['refused']:.0%}", "", ""),
            (
                "1,000,000 rows, CPU",
                f"{figures['million_seconds']:.1f} s",
                "≤ 20 s",
                report.judged(figures["million_seconds"], 20.0, least=False),
            ),
            (
                "1,000,000 rows, memory",
                f"{figures['million_megabytes']:.0f} MB",
                "≤ 500 MB",
                report.judged(figures["million_megabytes"], 500.0, least=False),
            ),
            ("in times of csv alone", f"{figures['million_to_csv']:.1f}", "", ""),
        ]
    )
    report.end({"benchmark": "tables", **figures, "machine": report.machine("polars")})


if __name__ == "__main__":
    main()
