"""The texts that some models want before a query or a document."""

from __future__ import annotations

from collections.abc import Mapping

# The names that models give the prompt of a document.
DOCUMENT_PROMPTS = ("document", "passage", "corpus")


def document_prompt(prompts: Mapping[str, str | None]) -> str:
    """Return the text put before a document: the first of the known prompts that says anything.

    sentence-transformers 6 stops at its own empty "document" prompt and so never reaches a
    model's "passage" prompt; here the model's own wish is kept.
    """
    return next((prompts[name] or "" for name in DOCUMENT_PROMPTS if prompts.get(name)), "")
