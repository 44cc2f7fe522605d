"""A text of YAML from anybody: what is in it, and what does no harm to whoever reads it."""

from __future__ import annotations

import pytest

from controller.presentation import manifests
from controller.presentation.problems import UsageError

HEAD = "apiVersion: argosy.dev/v1alpha1\nkind: Application\n"
SHOP = HEAD + "metadata: {name: shop}\nspec: {components: []}\n"
# Nine levels of ten: a billion, in some hundred characters.
LEVELS = "".join(
    f"  l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]\n" for level in range(1, 10)
)
BOMB = f"{HEAD}spec:\n  l0: &l0 [x]\n{LEVELS}"
LONG = f"{HEAD}spec:\n  a: &a {'x' * 1000}\n  b: [{', '.join(['*a'] * 5000)}]\n"


def test_applications_are_read_and_the_rest_is_left() -> None:
    """Of several documents, those of ours; aliases that stay small are as good as any text."""
    aliased = HEAD + "metadata: {name: bank, labels: &l {a: b}}\nspec: {serverMetadata: *l}\n"
    other = "apiVersion: v1\nkind: ConfigMap\n"
    found = manifests.read(f"{SHOP}---\n{other}---\n{aliased}---\n{HEAD}", "x")
    assert [each["metadata"].get("name") for each in found] == ["shop", "bank", None]
    assert found[1]["spec"] == {"serverMetadata": {"a": "b"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "when its aliases are written out"),
        (LONG, "when its aliases are written out"),
        (f"{HEAD}spec: &a {{a: *a}}\n", "when its aliases are written out"),
        (f"{HEAD}spec: {'[' * 50_000}\n", "nested too deeply"),
        (f"{HEAD}spec: {{a: 2026-99-99}}\n", "is not YAML: month must be"),
        (f"{HEAD}spec: {{a: {'9' * 5000}}}\n", "is not YAML: Exceeds the limit"),
        (f"{HEAD}spec: [\n", "is not YAML"),
        (f"{HEAD}metadata: 5\n", "metadata is no mapping"),
        (f"{HEAD}metadata:\n", "metadata is no mapping"),
        (f"{HEAD}metadata: {{name: [x]}}\n", "metadata.name is no text"),
        (f"{HEAD}metadata: {{namespace: {{}}}}\n", "metadata.namespace is no text"),
        (f"{HEAD}spec: none\n", "spec is no mapping"),
        ("a: b", "holds no Application"),
        ("", "holds no Application"),
        ("\x00", "is not YAML"),
    ],
)  # fmt: skip
def test_what_does_harm_is_refused_in_words(text: str, said: str) -> None:
    """Never a crash, and never more than the text itself in memory."""
    with pytest.raises(UsageError, match=said):
        manifests.read(text, "the text")
