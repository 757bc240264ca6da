"""Make the pictures of docs/gallery.md by running the lines of code that stand above them.

From the repository root: `.venv/bin/python -P docs/examples/gallery.py [NAME ...]`; with names only
those pictures are written. What the page needs is played first; it takes a minute or two.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from computemarket.analysis.figures.drawing import whole, write_png

DOCS = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"```python\n(.*?)```(?:\n+!\[[^\]]*\]\((images/gallery/\w+\.png)\))?", re.DOTALL
)
DPI = 72


def main(names: list[str]) -> None:
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    known: dict[str, Any] = {}
    (DOCS / "images/gallery").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # the folders of the page's studies
        for code, picture in BLOCK.findall(page):
            if not picture:
                exec(compile(code, "docs/gallery.md", "exec"), known)
            elif not names or Path(picture).stem in names:
                drawn = eval(compile(code.strip(), "docs/gallery.md", "eval"), known)
                whole(drawn).set_dpi(DPI)
                write_png(drawn, DOCS / picture)
                print(f"{picture}: {(DOCS / picture).stat().st_size / 1e3:.0f} kB")
        os.chdir(DOCS)


if __name__ == "__main__":
    main(sys.argv[1:])
