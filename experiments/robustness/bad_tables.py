"""Tables that are none: splits, truths, and what `report` reads of a run."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from cases import FileCase, Files

_LONG_NUMBER = "9" * 4301


def _odd(sound: str) -> dict[str, bytes]:
    """What can be wrong with any CSV file, from a sound one of at least two columns."""
    head, *rows = sound.splitlines()
    first = (rows or [head])[0].split(",")[0]
    lines = "\n".join(rows)
    return {
        "empty": b"",
        "one line break": b"\n",
        "first line only": head.encode() + b"\n",
        "no first line": lines.encode(),
        "other columns": f"a,b\n{lines}\n".encode(),
        "columns twice": f"{head.split(',')[0]},{head}\n".encode() + "\n".join(f"{first},{r}" for r in rows).encode(),
        "another separator": sound.replace(",", ";").encode(),
        "a column too many in one row": f"{sound}a,b,c,d,e,f,g,h\n".encode(),
        "a column too few in one row": f"{sound}a\n".encode(),
        "rows twice": f"{sound}{lines}\n".encode(),
        "an open quotation mark": sound.replace(",", ',"', 1).encode(),
        "NUL bytes": sound.replace(",", "\0,").encode(),
        "not UTF-8": sound.encode() + b"\xff\xfe,\xe9\n",
        "two bytes a letter": sound.encode("utf-16"),
        "a byte-order mark": b"\xef\xbb\xbf" + sound.encode(),
        "binary": bytes(range(256)) * 40,
        "a field of 10 MB": f"{sound}{'x' * (10 << 20)},train\n".encode(),
        "100,000 columns": (",".join(f"c{i}" for i in range(10**5)) + "\n").encode(),
        "blank fields": f"{sound},\n".encode(),
        "a number of 4,301 digits": f"{sound}{_LONG_NUMBER},{_LONG_NUMBER}\n".encode(),
        "missing values": f"{sound}nan,nan\n".encode(),
        "an archive": b"PK\x03\x04" + bytes(100),
        "HTML": b"<!doctype html><html></html>",
        "JSON": b'{"sample": ["a"]}',
    }


def bad_splits(sound: str) -> Files:
    """Every bad split."""
    made = _odd(sound) | {
        "an unknown subset": sound.replace(",train", ",practice", 1).encode(),
        "subsets of numbers": sound.replace("train", "1").replace("val", "2").replace("test", "3").encode(),
        "an unknown sample": f"{sound}OTHER/1/T00/right,train\n".encode(),
        "no train": sound.replace(",train", ",val").encode(),
    }
    for name, content in made.items():
        yield FileCase("split", name, partial(_write, content))
    yield FileCase("split", "a folder", Path.mkdir)


def bad_truths(keys: list[str]) -> Files:
    """Every bad table of true widths, for these hips."""
    sound = "key,mjsw_mm,repeat_of\n" + "".join(f"{key},3.5,\n" for key in keys)
    made = _odd(sound) | {
        f"widths of {value[:12]}": sound.replace("3.5", value).encode()
        for value in ("wide", "nan", "inf", "-1", "1e308", "1e400", _LONG_NUMBER, "3,5", "0x1p3", "True")
    }
    made["repeats itself"] = ("key,mjsw_mm,repeat_of\n" + "".join(f"{key},3.5,{key}\n" for key in keys)).encode()
    made["repeats nothing"] = ("key,repeat_of\n" + "".join(f"{key},OTHER\n" for key in keys)).encode()
    for name, content in made.items():
        yield FileCase("truth", name, partial(_write, content))
    yield FileCase("truth", "a folder", Path.mkdir)


def bad_runs(run: Path) -> Files:
    """Every run folder of which `report` should refuse a file: the case writes that file into a copy's place."""
    summary = json.loads((run / "summary.json").read_text())
    texts = {
        "empty": "", "a list": "[]", "a number": "7", "null": "null", "text": '"text"', "{}": "{}", "half": "{",
        "deep": "[" * 20000, "a long number": f'{{"test/hips": {_LONG_NUMBER}}}', "NaN": '{"test/hips": NaN}',
        "values of text": json.dumps(dict.fromkeys(summary, "many")),
        "values of lists": json.dumps({name: [1] for name in summary}),
        "nested": json.dumps({"test": summary}),
        "HTML": json.dumps({"<script>alert(1)</script>": "<script>alert(1)</script>"}),
        "names twice": json.dumps(summary | {"run": 1, "overrides": 2}),
    }  # fmt: skip
    for name, text in texts.items():
        yield FileCase("summary.json", name, partial(_write, text.encode()))
    for name, content in {
        "binary": bytes(range(256)),
        "not UTF-8": b'{"a": "\xff"}',
        "a byte-order mark": b"\xef\xbb\xbf{}",
    }.items():
        yield FileCase("summary.json", name, partial(_write, content))
    overrides = {
        "a number": "7", "a dictionary": "a: 1", "numbers": "- 1\n- 2", "lists": "- [1]\n- [2]", "text": "text",
        "an object": "!!python/object/apply:os.getcwd []", "broken": "- [", "tabs": "\t- a", "null in it": "- null",
        "a bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
            f"{chr(b + 1)}: &{chr(b + 1)} [{','.join([f'*{chr(b)}'] * 9)}]" for b in range(97, 103)),
    }  # fmt: skip
    for name, text in overrides.items():
        yield FileCase("overrides.yaml", name, partial(_write, text.encode()))
    for name, content in {"binary": bytes(range(256)), "not UTF-8": b"- \xff"}.items():
        yield FileCase("overrides.yaml", name, partial(_write, content))
    for file in ("metrics.csv", "test_hips.csv", "cohorts.csv", "agreement.csv"):
        for name, content in _odd((run / file).read_text()).items():
            if name in ("empty", "binary", "not UTF-8", "no first line", "other columns", "NUL bytes", "an archive"):
                yield FileCase(file, name, partial(_write, content))
    yield FileCase("figures", "a picture that is none", partial(_write, b"not a picture"))


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
