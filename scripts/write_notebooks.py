"""Write the notebooks in examples/notebooks from the scripts in examples that are written in cells (`# %%`).

python scripts/write_notebooks.py            write examples/notebooks/*.ipynb
python scripts/write_notebooks.py --check    fail if they are not what the scripts say

The scripts are what people edit, review and test. The notebooks hold no results: everyone's are their own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = EXAMPLES / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook_of(script: Path) -> str:
    """The notebook of a script, the same text whenever it is made."""
    made = jupytext.read(script, fmt="py:percent")
    made.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(made.cells):
        cell.id = f"{script.stem}-{number}"  # jupytext draws them at random
    return str(jupytext.writes(made, fmt="ipynb"))


def notebooks() -> dict[Path, str]:
    """Path → text of every notebook there should be."""
    scripts = [path for path in sorted(EXAMPLES.glob("*.py")) if path.read_text(encoding="utf-8").startswith("# %%")]
    return {NOTEBOOKS / f"{script.stem}.ipynb": notebook_of(script) for script in scripts}


def stale(wanted: dict[Path, str]) -> list[str]:
    """Notebooks that are not what the scripts say, missing and left over ones included."""
    there = {path: path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb")}
    return sorted(path.name for path in there.keys() | wanted.keys() if there.get(path) != wanted.get(path))


def main() -> None:
    wanted = notebooks()
    if "--check" in sys.argv:
        if names := stale(wanted):
            sys.exit(f"{', '.join(names)}: not what the scripts say; run python scripts/write_notebooks.py")
        return
    NOTEBOOKS.mkdir(exist_ok=True)
    for path in set(NOTEBOOKS.glob("*.ipynb")) - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
