"""The site: its order has every page, links out of docs/ lead somewhere, and faults are seen."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import diagrams, site

REPOSITORY = "https://git.example.com/argosy"


def listed(pages: list[Any]) -> Iterator[str]:
    """Yield the pages of an order."""
    for each in pages:
        if isinstance(each, str):
            yield each
        else:
            (inside,) = each.values()
            yield from [inside] if isinstance(inside, str) else listed(inside)


def test_every_page_is_in_the_order_once() -> None:
    """So that nobody finds a page by searching alone."""
    found = list(listed(site.order(site.DOCS)))
    there = {str(each.relative_to(site.DOCS)) for each in site.DOCS.rglob("*.md")}
    assert sorted(found) == sorted(there)


def test_the_order_has_the_headings_and_groups_of_the_list(tmp_path: Path) -> None:
    """A heading is a section, a line that ends with a colon a group, a folder all its pages."""
    (tmp_path / "design").mkdir()
    (tmp_path / "design" / "0001.md").write_text("# One\n")
    (tmp_path / "README.md").write_text(
        "# All\n\n## How-to\n\nRun it:\n\n- [Install](install.md)\n- Acts: [A](a.md), [B](b.md)\n\n"
        "Use it:\n\n- [Scale](scale.md), at once\n\n## Rest\n\n- [Designs](design/), dated\n"
    )
    assert site.order(tmp_path) == [
        "README.md",
        {
            "How-to": [
                {"Run it": [{"Install": "install.md"}, {"A": "a.md"}, {"B": "b.md"}]},
                {"Use it": [{"Scale": "scale.md"}]},
            ]
        },
        {"Rest": [{"Designs": ["design/0001.md"]}]},
    ]


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("[a](b.md)", "[a](b.md)"),
        ("[a](https://example.com)", "[a](https://example.com)"),
        ("[a](#here)", "[a](#here)"),
        ("[a](../../examples/shop.yaml)", f"[a]({REPOSITORY}/blob/main/examples/shop.yaml)"),
        ("[a](../../examples/)", f"[a]({REPOSITORY}/tree/main/examples)"),
        ("[a](../../README.md#quick)", f"[a]({REPOSITORY}/blob/main/README.md#quick)"),
        ("[a](../images/)", f"[a]({REPOSITORY}/tree/main/docs/images)"),
        ("![a](../images/a.png)", "![a](../images/a.png)"),
    ],
)
def test_links_out_of_the_pages_lead_to_the_repository(
    link: str, leads: str, tmp_path: Path
) -> None:
    """The site has the pages alone; what lies beside them is found where it is kept."""
    for folder in ("docs/how-to", "docs/images", "examples"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "docs" / "how-to" / "page.md").write_text(f"See {link}.\n")
    site.prepare(tmp_path / "docs", tmp_path / "made", REPOSITORY)
    assert (tmp_path / "made" / "how-to" / "page.md").read_text() == f"See {leads}.\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('<a href="../b/">', ""),
        ('<a href="../b/#there">', ""),
        ('<a href="#here"><p id="here">', ""),
        ('<a href="https://example.com/x">', ""),
        ('<a href="/docs/b/">', ""),
        ('<img src="../x.png">', ""),
        ('<link rel="canonical" href="https://example.com/">', ""),
        ('<a href="../c/">', "a/index.html leads to ../c/, which is not there"),
        ('<a href="../b/#gone">', "a/index.html leads to ../b/#gone, which has no such heading"),
        ('<a href="#gone">', "a/index.html leads to #gone, which has no such heading"),
        ('<img src="../y.png">', "a/index.html fetches ../y.png, which is not there"),
        (
            '<script src="//cdn.example.com/x.js"></script>',
            "a/index.html fetches //cdn.example.com/x.js from elsewhere",
        ),
        (
            '<a href="https://github.com/x/y" data-md-component="source">',
            "a/index.html has the reader's browser ask GitHub for stars",
        ),
        (
            '<pre class="mermaid"><code>flowchart LR</code></pre>',
            "a/index.html leaves a diagram to the reader's browser",
        ),
        (
            '<link rel="stylesheet" href="https://fonts.example.com/">',
            "a/index.html fetches https://fonts.example.com/ from elsewhere",
        ),
    ],
)
def test_what_leads_nowhere_or_asks_others_is_seen(text: str, fault: str, tmp_path: Path) -> None:
    """A link to a page or heading that is not there, and whatever a reader's browser fetches."""
    for name, has in (("a", text), ("b", '<p id="there">')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(has)
    (tmp_path / "x.png").write_bytes(b"")
    assert site.look_through(tmp_path, "/docs/") == ([fault] if fault else [])


def test_every_diagram_is_drawn_and_no_picture_is_left_over() -> None:
    """Whoever changes a block draws it anew: a picture is named by what it was drawn from."""
    drawn = {
        site.DOCS / diagrams.picture(page.stem, found["source"])
        for page in site.DOCS.rglob("*.md")
        for found in diagrams.BLOCK.finditer(page.read_text())
    }
    assert drawn
    assert set((site.DOCS / diagrams.FOLDER).iterdir()) == drawn


def test_pictures_of_diagrams_need_nobody_else() -> None:
    """They run no script and fetch nothing, and have no HTML, which some browsers leave out."""
    for path in sorted((site.DOCS / diagrams.FOLDER).iterdir()):
        text = path.read_text()
        assert "<text" in text, path.name
        assert [
            each for each in ("<script", "foreignObject", "@import", 'href="http') if each in text
        ] == []


def test_a_page_of_the_site_shows_a_picture_for_a_diagram(tmp_path: Path) -> None:
    """It is told by the heading above it, and found from wherever the page lies."""
    block = "```mermaid\nflowchart LR\n  a --> b\n```\n"
    docs = tmp_path / "docs"
    path = diagrams.picture("page", "flowchart LR\n  a --> b\n")
    (docs / path).parent.mkdir(parents=True)
    (docs / path).write_text("<svg/>")
    (docs / "how-to").mkdir()
    (docs / "how-to" / "page.md").write_text(f"# Acts\n\n## Steps\n\n{block}\nAfter.\n")
    site.prepare(docs, tmp_path / "made", REPOSITORY)
    assert (tmp_path / "made" / "how-to" / "page.md").read_text() == (
        f"# Acts\n\n## Steps\n\n![Diagram: Steps](../{path}){{ .diagram }}\n\nAfter.\n"
    )


def test_a_diagram_that_nobody_drew_ends_the_build(tmp_path: Path) -> None:
    """The site would show another diagram than the page has, or none."""
    (tmp_path / "page.md").write_text("```mermaid\nflowchart LR\n  a --> c\n```\n")
    with pytest.raises(diagrams.UndrawnError, match=r"page\.md has a diagram that is not drawn"):
        site.prepare(tmp_path, tmp_path / "made", REPOSITORY)


def test_the_site_is_published_where_its_addresses_say() -> None:
    """What `make docs` makes goes to the path of `site_url`, by a workflow that can write Pages."""
    workflow = yaml.safe_load((site.ROOT / ".github" / "workflows" / "site.yml").read_text())
    config = (site.ROOT / "mkdocs.yml").read_text()
    (url,) = (each for each in config.splitlines() if each.startswith("site_url: "))
    below = urllib.parse.urlsplit(url.partition(" ")[2]).path.strip("/")
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    runs = [step["run"] for step in build["steps"] if "run" in step]
    assert runs[0] == "make docs"
    assert f"mv site pages/{below}" in runs[1]
    assert build["steps"][-1]["with"] == {"path": "pages"}
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in build
