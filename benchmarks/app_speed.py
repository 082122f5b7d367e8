"""The web app in headless Chromium: how long people wait, on a project of Blue Marble chips.

    python benchmarks/app_speed.py --project demo

`--project` is an embedded project (`curator demo demo`), of which a copy is served; the app is that of `make app`, or
of `--static` with CURATOR_STATIC set to the same.

Times are taken in the page: from a key to the frame in which the next picture is painted, between frames while a grid
of a million scrolls, from the beginning of a cold load to the first picture, from the end of a lasso on the map of a
million chips to the frame that shows what it selected, from a label to the frame that shows the ranking that learnt
from it. That ranking is of the project's chips; `rerank.py` has the server's part of it for a million.
"""

from __future__ import annotations

import argparse
import gzip
import math
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import record, table
from label_server import PORT, serving
from playwright.sync_api import Browser, Page, sync_playwright

import earthcurator as ec

LABELS = 100
LOADS = 7
LASSOS = 15
RERANKS = 25
CORNERS = 200
URL = f"http://127.0.0.1:{PORT}"
NEXT = """
async (key) => {
  const before = document.querySelector(".label-card img.now").src;
  const start = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  for (;;) {
    await new Promise(requestAnimationFrame);
    const now = document.querySelector(".label-card img.now");
    if (now && now.src !== before && now.complete) break;
  }
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  return performance.now() - start;
}
"""
SCROLL = """
async () => {
  const grid = document.querySelector("[role=grid]");
  const frames = [];
  let last = performance.now();
  for (let step = 0; step < 180; step++) {
    grid.scrollTop += 40;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames.slice(5);
}
"""
AFTER_LASSO = """
() => {
  window.lasso = null;
  const said = () => document.querySelector("section[aria-label=Selection] [role=status]").textContent;
  const before = said();
  addEventListener("pointerup", async () => {
    const start = performance.now();
    while (said() === before) await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame); // the points are drawn in one
    await new Promise((painted) => setTimeout(painted));
    window.lasso = [performance.now() - start, said()];
  }, { capture: true, once: true });
}
"""
RERANKED = """
async ([task, chip, value]) => {
  const said = () => [...document.querySelectorAll("main [role=status]")].map((one) => one.textContent)
    .find((text) => text.includes("likeliest"));
  const before = said();
  const id = crypto.randomUUID();
  const body = JSON.stringify({ labels: [{ id, chip, decision: "label", value: [value] }] });
  const start = performance.now();
  fetch(`api/v1/tasks/${task}/labels`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  while (said() === before) await new Promise(requestAnimationFrame);
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  return performance.now() - start;
}
"""
FIRST_PICTURE = """
() => {
  const picture = performance.getEntriesByType("resource").find(({ name }) => name.includes("/chips/"));
  return picture ? picture.responseEnd : null;
}
"""
SCRIPTS = """
() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname)
  .filter((name) => name.endsWith(".js"))
"""


def p95(milliseconds: list[float]) -> float:
    return round(statistics.quantiles(milliseconds, n=100)[94], 1)


def new_page(browser: Browser) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script("localStorage.setItem('curator tour seen', 'yes')")
    return context.new_page()


def decisions(browser: Browser, task: str) -> list[float]:
    page = new_page(browser)
    page.goto(f"{URL}/tasks/{task}/label")
    page.wait_for_selector(".label-card img.now")
    page.wait_for_load_state("networkidle")
    times = []
    for number in range(LABELS):
        times.append(float(page.evaluate(NEXT, "yn"[number % 2])))
        page.wait_for_timeout(250)  # as a person would, so that the pictures behind it are here
    page.context.close()
    return times


def scrolling(browser: Browser) -> list[float]:
    page = new_page(browser)
    page.goto(f"{URL}/explore?demo=1000000")
    page.wait_for_selector("[role=grid] img")
    page.wait_for_load_state("networkidle")
    frames: list[float] = page.evaluate(SCROLL)
    page.context.close()
    return frames


def lassos(browser: Browser) -> tuple[list[float], list[int]]:
    """Milliseconds from the end of each lasso to the painted selection, and how many of a million points it took."""
    page = new_page(browser)
    page.goto(f"{URL}/explore?demo=1000000&views=likeness")
    page.get_by_text("1,000,000 of 1,000,000 chips in view").wait_for()
    page.get_by_text("Lasso", exact=True).click()
    box = page.get_by_role("region", name="Map of likeness").locator("canvas").bounding_box()
    assert box
    times, chosen = [], []
    for number in range(LASSOS):
        page.evaluate(AFTER_LASSO)
        for corner in range(CORNERS):
            turn, far = 2 * math.pi * corner / CORNERS, 0.25 + 0.01 * number + 0.05 * math.sin(corner)
            x, y = box["width"] * (0.5 + far * math.cos(turn)), box["height"] * (0.5 + far * math.sin(turn))
            page.mouse.move(box["x"] + x, box["y"] + y)
            if corner == 0:
                page.mouse.down()
        page.mouse.up()
        took, said = page.wait_for_function("() => window.lasso").json_value()
        times.append(float(took))
        chosen.append(int(said.split()[0].replace(",", "")))
        page.wait_for_timeout(300)
    page.context.close()
    return times, chosen


def reranks(browser: Browser, task: str, chips: list[str]) -> list[float]:
    """Milliseconds from each label to the painted ranking that knows of it; the first, which reads all, is left out."""
    page = new_page(browser)
    page.goto(f"{URL}/explore?order=model&task={task}")
    page.wait_for_selector("[role=grid] img")
    page.wait_for_load_state("networkidle")
    times = []
    for number, chip in enumerate(chips):
        value = ("island", "other")[number % 2]
        times.append(float(page.evaluate(RERANKED, [task, chip, value])))
        page.wait_for_timeout(1000)  # as a person would; the model rests as long as it worked, ten times over
    page.context.close()
    return times[1:]


def cold_loads(browser: Browser, static: Path) -> tuple[list[float], int]:
    """Milliseconds to the first picture, and bytes of compressed scripts of the first load."""
    times, scripts = [], set()
    for _ in range(LOADS):
        page = new_page(browser)
        page.goto(URL)
        page.wait_for_function(FIRST_PICTURE)
        times.append(float(page.evaluate(FIRST_PICTURE)))
        scripts = set(page.evaluate(SCRIPTS))
        page.context.close()
    zipped = sum(len(gzip.compress((static / name.lstrip("/")).read_bytes(), 9)) for name in scripts)
    return times, zipped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, required=True, help="an embedded project")
    parser.add_argument("--static", type=Path, default=Path(ec.__file__).parent / "web" / "static", help="a built app")
    chosen = parser.parse_args()
    program = shutil.which("chromium")
    if program is None or not (chosen.static / "index.html").exists():
        raise SystemExit("error: this needs Debian's Chromium (apt-get install chromium) and the app (make app)")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        shutil.copytree(chosen.project, f"{folder}/project", ignore=shutil.ignore_patterns("labels.db*", "*.lock"))
        with ec.open(f"{folder}/project") as project:
            chips = [chip.id for chip in project.chips.all()]
            task = project.tasks.create("Is there an island?", ("island", "other")).id
            ranked = project.tasks.create(
                "Is it an island?", ("island", "other"), references={"island": (chips[0],)}
            ).id
        with serving(Path(folder) / "project", None, 1, [sys.executable, "-m", "earthcurator"]):
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            loads, scripts = cold_loads(browser, chosen.static)
            said, frames = decisions(browser, task), scrolling(browser)
            drawn, held = lassos(browser)
            shown = reranks(browser, ranked, chips[1 : RERANKS + 2])
            browser.close()
    figures: dict[str, Any] = {
        "decision_to_next_picture_ms": {
            "p50": round(statistics.median(said), 1),
            "p95": p95(said),
            "decisions": LABELS,
        },
        "label_to_reranked_view_ms": {
            "p50": round(statistics.median(shown), 1),
            "p95": p95(shown),
            "labels": RERANKS,
            "chips": len(chips),
        },
        "grid_of_a_million_frame_ms": {"p50": round(statistics.median(frames), 1), "p95": p95(frames)},
        "lasso_over_a_million_ms": {
            "p50": round(statistics.median(drawn), 1),
            "p95": p95(drawn),
            "lassos": LASSOS,
            "corners": CORNERS,
            "points_selected_median": statistics.median(held),
        },
        "cold_load_to_first_picture_ms": {"median": round(statistics.median(loads)), "loads": LOADS},
        "first_load_scripts_gzip_bytes": scripts,
    }
    print(table([{"figure": name, "measured": str(value)} for name, value in figures.items()]))
    record("app_speed", figures)


if __name__ == "__main__":
    main()
