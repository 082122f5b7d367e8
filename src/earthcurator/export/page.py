"""A search result as one HTML file that opens anywhere: pictures inside, nothing loaded from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

from earthcurator.export.sheet import Tile, thumbnail

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2026; --quiet: #68707a; --paper: #fcfcfa; --line: #e0e0da; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff2; --quiet: #9aa3ad; --paper: #14171b; --line: #30353b; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .8rem; }
p { color: var(--quiet); margin: 0; }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
     grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
figure { margin: 0; } figcaption { font-size: .8rem; color: var(--quiet); overflow-wrap: anywhere; }
img { width: 100%; aspect-ratio: 1; object-fit: contain; border: 1px solid var(--line); border-radius: 4px; }
"""


def result_page(examples: Sequence[Tile], hits: Sequence[Tile], *, title: str, summary: str) -> str:
    """HTML text of a page with the examples, the hits best first, and one line of summary."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1><p>{escape(summary)}</p>
<h2>Examples</h2>{_grid(examples, "example")}
<h2>Found, best first</h2>{_grid(hits, "hit")}
</body></html>
"""


def _grid(tiles: Sequence[Tile], kind: str) -> str:
    return f"<ol>{''.join(_figure(tile, f'{kind} {number}') for number, tile in enumerate(tiles, 1))}</ol>"


def _figure(tile: Tile, alternative: str) -> str:
    png = BytesIO()
    thumbnail(tile.picture, 256).save(png, "PNG")
    source = f"data:image/png;base64,{b64encode(png.getvalue()).decode()}"
    text = escape(tile.caption)
    return f'<li><figure><img src="{source}" alt="{alternative}"><figcaption>{text}</figcaption></figure></li>\n'
