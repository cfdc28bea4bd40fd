"""The documentation as a site: .venv/bin/nox -s docs builds it."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent

project = 'glance-split'
author = 'The image service team'
extensions = ['myst_parser']
# Release notes are read from the history of the repository.
if (ROOT / '.git').exists():
    extensions.append('reno.sphinxext')
    tags.add('with_release_notes')  # noqa: F821 - Sphinx defines it
source_suffix = {'.md': 'markdown'}
root_doc = 'index'
html_theme = 'furo'
html_title = 'Image service'
html_copy_source = False
# "~/#heading" of a page, as other pages link to it.
myst_heading_anchors = 3
myst_enable_extensions = ['colon_fence']
