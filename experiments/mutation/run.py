"""Mutants of hipseg/measure and hipseg/labels by cosmic-ray, each tried in a fork on the tests that reach its line."""

from __future__ import annotations

import argparse
import ast
import csv
import importlib
import importlib.machinery
import io
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PACKAGES, TESTS = ("hipseg/measure", "hipseg/labels"), ("tests/measure", "tests/labels")
UNNOTICED = ("survived", "stopped")
NAME = ("module", "operator", "place", "before", "after")
FIELDS = ("module", "operator", "place", "line", "before", "after", "outcome", "tests", "seconds")

# One or two replacements of each operator; all of cosmic-ray's would be ten times as many and mostly die at once.
OPERATORS = (
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr".split()
    ),
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in "Lt_LtE Lt_Gt LtE_Lt LtE_Gt Gt_GtE Gt_Lt GtE_Gt GtE_Lt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is".split()
    ),
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_Invert",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ZeroIterationForLoop",
)


class Mutant(NamedTuple):
    """One change of one file."""

    path: str
    operator: str
    place: int
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> tuple[str, ...]:
        """What tells it from all others, whatever line it stands on."""
        return self.path, self.operator, str(self.place), self.before, self.after


class Reached(NamedTuple):
    """What the unchanged code's tests do.

    Attributes:
        tests: By file and line, the tests that run it; a line that runs at import has none.
        seconds: By test.
        failed: Tests that fail or are left out; nothing is tried on them.
    """

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    failed: set[str]


def main() -> None:
    """Try mutants, write `results.csv` as they end, print the table by module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", help="files, as a pattern: */quality.py")
    parser.add_argument("--sample", type=int, help="so many mutants of each file, drawn at random")
    parser.add_argument("--again", action="store_true", help="only those that --out lacks or that survived there")
    parser.add_argument("--slow-first", action="store_true", help="for what survived the quick tests")
    parser.add_argument("--quick", type=float, help="leave out tests that take longer, in seconds")
    parser.add_argument("--out", type=Path, default=HERE / "results.csv")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    everything = [*generated(), *by_hand()]
    mutants = [mutant for mutant in everything if fnmatch(mutant.path, chosen.only)]
    known = read(chosen.out) if chosen.out.exists() and (chosen.again or chosen.only != "*") else {}
    # What an earlier run knows of code that is no longer there is of no use.
    known = {name: known[name] for name in known.keys() & {mutant.name for mutant in everything}}
    if chosen.again:
        mutants = [mutant for mutant in mutants if known.get(mutant.name, {}).get("outcome") in (None, *UNNOTICED)]
        mutants = [mutant for mutant in mutants if mutant.name not in argued()]
    if chosen.sample:
        mutants = [
            mutant for path in files() for mutant in sampled([m for m in mutants if m.path == path], chosen.sample)
        ]
    reached = baseline()
    if chosen.quick:
        reached.failed.update(test for test, seconds in reached.seconds.items() if seconds > chosen.quick)
    print(f"{len(mutants)} mutants, {len(reached.seconds)} tests in {sum(reached.seconds.values()):.0f} s", flush=True)
    for i, mutant in enumerate(mutants):
        known[mutant.name] = tried(mutant, reached, -1 if chosen.slow_first else 1)
        if i % 20 == 19 or i == len(mutants) - 1:
            write(chosen.out, list(known.values()))
            print(f"{i + 1}/{len(mutants)} {mutant.path}", flush=True)
    print(table(list(known.values())))


def files() -> list[str]:
    """The files to mutate."""
    return [str(path) for package in PACKAGES for path in sorted(Path(package).glob("*.py")) if path.stat().st_size]


def sampled(mutants: list[Mutant], count: int) -> list[Mutant]:
    """Some of them, always the same."""
    return random.Random(0).sample(mutants, min(count, len(mutants)))


def generated() -> Iterator[Mutant]:
    """Cosmic-ray's mutants, but for annotations, which nothing runs."""
    for path in files():
        source = Path(path).read_text()
        hidden = annotations(source)
        for name in OPERATORS:
            operator = get_operator(f"core/{name}")()
            places = [place for node in ast_nodes(get_ast(source)) for place in operator.mutation_positions(node)]
            for occurrence, (start, _) in enumerate(places):
                if any(first <= start < last for first, last in hidden):
                    continue
                with suppress(AttributeError):  # ExceptionReplacer knows no dotted names
                    mutated = mutate_code(source, operator, occurrence)
                    yield mutant_of(path, name, occurrence, source, mutated)


def by_hand() -> Iterator[Mutant]:
    """The changes of `by_hand.csv`: `path`, `before`, `after`; the text before must stand in the file once."""
    with (HERE / "by_hand.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            source = Path(row["path"]).read_text()
            if source.count(row["before"]) != 1:
                raise SystemExit(
                    f"by_hand.csv: {row['path']} has '{row['before']}' {source.count(row['before'])} times"
                )
            yield mutant_of(row["path"], "by hand", 0, source, source.replace(row["before"], row["after"]))


def argued() -> dict[tuple[str, ...], str]:
    """Why a mutant that survives is none: `argued.csv`, by what tells mutants apart."""
    with (HERE / "argued.csv").open(newline="") as stream:
        return {tuple(row[key] for key in NAME): row["why"] for row in csv.DictReader(stream)}


def mutant_of(path: str, operator: str, place: int, source: str, mutated: str) -> Mutant:
    """With the first line that differs."""
    old, new = source.splitlines(), mutated.splitlines()
    i = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)) - 1)
    return Mutant(path, operator, place, i + 1, old[i].strip(), new[i].strip(), mutated)


def annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end, in lines from 1 and columns from 0."""
    notes: list[Any] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            notes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns:
            notes.append(node.returns)
    return [((note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)) for note in notes]


def forked(job: Callable[[], int], limit_s: float) -> int | None:
    """The exit code of a job in a process of its own, silent; None if it took too long."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                code = int(job())
        finally:
            os._exit(code)
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class Watch:
    """A pytest plugin: which test is running, and how long each took."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Lines that run from now on are this test's."""
        self.coverage.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up setup, call and teardown."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.add(report.nodeid)


class Chosen:
    """A pytest plugin: only these tests, in this order."""

    def __init__(self, tests: list[str]) -> None:
        self.order = {test: i for i, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the rest."""
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda item: self.order[item.nodeid])


def run_tests(names: list[str], plugin: object) -> int:
    """Pytest in this process."""
    options = ["-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return int(pytest.main([*options, *names], plugins=[plugin]))


def baseline() -> Reached:
    """Run all tests on the unchanged code, in a fork that leaves behind what it measured and which modules it needs."""
    import coverage

    with TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"

        def job() -> int:
            watching = coverage.Coverage(data_file=None, include=[f"{package}/*" for package in PACKAGES])
            watch = Watch(watching)
            watching.start()
            code = run_tests([*TESTS], watch)
            watching.stop()
            lines = {}
            for path in files():
                by_line = watching.get_data().contexts_by_lineno(str(ROOT / path))
                lines[path] = {line: sorted({*tests} - {""} - watch.failed) for line, tests in by_line.items()}
            told.write_text(json.dumps([lines, watch.seconds, sorted(watch.failed), sorted(sys.modules)]))
            return code

        if forked(job, 1800) not in (0, 1):
            raise SystemExit("the tests can't be run on the unchanged code")
        lines, seconds, failed, modules = json.loads(told.read_text())
    if failed:
        print("left out, for they fail on the unchanged code:", *failed, sep="\n  ")
    for name in modules:
        if name.split(".")[0] not in ("hipseg", "tests", "conftest", "__main__") and not name.startswith("test_"):
            with suppress(Exception), redirect_stderr(io.StringIO()):
                importlib.import_module(name)
    by_line = {path: {int(line): tests for line, tests in of.items()} for path, of in lines.items()}
    return Reached(by_line, seconds, set(failed))


def tried(mutant: Mutant, reached: Reached, order: int) -> dict[str, Any]:
    """Run the tests that reach the mutant's line, the quickest first, or with an order of -1 last, until one fails."""
    every = [test for test in reached.seconds if test not in reached.failed]
    stem = Path(mutant.path).stem
    tests = [test for test in reached.tests[mutant.path].get(mutant.line, []) if test not in reached.failed] or every
    # What is imported may be used anywhere; likely that the file's own tests notice first.
    tests = sorted(tests, key=lambda test: (tests is every and stem not in test, order * reached.seconds[test]))

    def job() -> int:
        plain = importlib.machinery.SourceFileLoader.get_code
        target = str(ROOT / mutant.path)

        def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> Any:
            return compile(mutant.source, target, "exec") if loader.path == target else plain(loader, name)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        return run_tests(["-x", *sorted({test.split("::")[0] for test in tests})], Chosen(tests))

    begun = time.monotonic()
    code = forked(job, 30 + 5 * sum(reached.seconds[test] for test in tests))
    # A signal from outside says nothing of the change.
    outcome = "timeout" if code is None else "stopped" if code < 0 else {0: "survived", 1: "killed"}.get(code, "error")
    took = round(time.monotonic() - begun, 1)
    values = (
        mutant.path,
        mutant.operator,
        mutant.place,
        mutant.line,
        mutant.before,
        mutant.after,
        outcome,
        len(tests),
        took,
    )
    return dict(zip(FIELDS, values, strict=True))


def read(path: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The rows of an earlier run, by mutant."""
    with path.open(newline="") as stream:
        return {
            tuple(row[key] for key in ("module", "operator", "place", "before", "after")): row
            for row in csv.DictReader(stream)
        }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Save what is known so far."""
    making = path.with_suffix(".making")
    with making.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            sorted(rows, key=lambda row: (row["module"], int(row["line"]), row["operator"], int(row["place"])))
        )
    making.replace(path)


def table(rows: list[dict[str, Any]]) -> str:
    """Killed of all by module; a mutant that can't be imported or never ends counts as killed."""
    lines = ["| module | mutants | killed | share |", "|---|---|---|---|"]
    for path in [*files(), "all"]:
        own = [row for row in rows if path in ("all", row["module"])]
        killed = sum(row["outcome"] not in UNNOTICED for row in own)
        if own:
            lines.append(f"| {path.removeprefix('hipseg/')} | {len(own)} | {killed} | {killed / len(own):.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
