"""Draw the diagrams of the pages, so that a reader's browser needs neither Mermaid nor a network.

    python -m scripts.diagrams

Run it after a change to a `mermaid` block below docs/. Mermaid comes from npm, in the version whose
checksum stands here, and runs in Chromium. A picture is named by what it is drawn from, so `site`
knows one that is missing. On the repository's pages the blocks themselves are drawn.
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDER = Path("images") / "diagrams"
BLOCK = re.compile(r"^```mermaid\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
PACKAGE = "mermaid@12.3.0"
SHA512 = "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw=="
SCALE = 0.75
MEMBER = "package/dist/mermaid.min.js"
# One picture for light and dark: `site.css` gives it ground of its own. Letters are drawn as such,
# since a picture shows no HTML; its ids repeat, as others' pictures would have the same.
DRAW = """
async ([name, source]) => {
  mermaid.initialize({
    startOnLoad: false, theme: "neutral", htmlLabels: false, securityLevel: "strict",
    deterministicIds: true, fontFamily: "sans-serif", flowchart: {htmlLabels: false},
  });
  return (await mermaid.render(name, source)).svg;
}
"""


class UndrawnError(Exception):
    """A page has a diagram that nobody has drawn since it was changed."""


def main() -> None:
    """Draw what is not drawn yet, and remove what no page has any more."""
    wanted = {
        DOCS / picture(page.stem, found["source"]): found["source"]
        for page in sorted(DOCS.rglob("*.md"))
        for found in BLOCK.finditer(page.read_text())
    }
    folder = DOCS / FOLDER
    folder.mkdir(exist_ok=True)
    for path in set(folder.glob("*.svg")) - wanted.keys():
        path.unlink()
        print(f"removed {path.name}")
    _draw({path: source for path, source in wanted.items() if not path.is_file()})


def picture(page: str, source: str) -> Path:
    """Return where the picture of a diagram lies, below docs/."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    return FOLDER / f"{page}-{digest}.svg"


def shown(text: str, page: Path, docs: Path) -> str:
    """Return a page's text with pictures for its diagrams; raises UndrawnError where one lacks."""

    def picked(found: re.Match[str]) -> str:
        path = picture(page.stem, found["source"])
        if not (docs / path).is_file():
            raise UndrawnError(
                f"{page.name} has a diagram that is not drawn: `python -m scripts.diagrams`"
            )
        *_, title = ["", *(each["title"] for each in HEADING.finditer(text[: found.start()]))]
        up = "../" * (len(page.relative_to(docs).parts) - 1)
        return f"![Diagram: {title}]({up}{path.as_posix()}){{ .diagram }}"

    return BLOCK.sub(picked, text)


def _draw(wanted: dict[Path, str]) -> None:
    if not wanted:
        return
    # Only who draws needs a browser: the site is made without one.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    from tests.dashboard import browser  # noqa: PLC0415

    script = _mermaid()
    with sync_playwright() as playwright:
        page = browser.start(playwright).new_page()
        page.set_content("<!doctype html><body></body>")
        page.add_script_tag(content=script)
        for path, source in wanted.items():
            drawn: str = page.evaluate(DRAW, [path.stem, source])
            path.write_text(_sized(drawn) + "\n")
            print(f"drew {path.name}")


def _sized(drawn: str) -> str:
    """Return a picture with a size of its own: Mermaid's takes all the width that there is.

    Its letters are as large as the page's small ones.
    """
    width, height = re.findall(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', drawn)[0]
    size = f'width="{float(width) * SCALE:.0f}" height="{float(height) * SCALE:.0f}"'
    return drawn.replace('width="100%"', size, 1)


def _mermaid() -> str:
    with tempfile.TemporaryDirectory() as folder:
        argv = ["npm", "pack", "--silent", PACKAGE]
        subprocess.run(argv, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).iterdir()
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != SHA512:
            sys.exit(f"{PACKAGE} is not what it was: sha512-{digest}")
        with tarfile.open(archive) as packed:
            member = packed.extractfile(MEMBER)
            assert member is not None  # noqa: S101 - a file by its name, in an archive that is known
            return member.read().decode()


if __name__ == "__main__":
    main()
