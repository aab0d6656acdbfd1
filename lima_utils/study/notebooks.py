"""Reading and writing notebooks of format 4."""

import re
from pathlib import Path
from typing import cast

import nbformat
from nbformat import NotebookNode

from lima_utils.errors import StudyError
from lima_utils.files import write_text

PARAMETERS = "parameters"
"""The tag of the one cell whose values a run may set."""
INJECTED = "injected-parameters"
"""The tag papermill gives to the cell with the values of a run."""


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook; StudyError where it is none."""
    try:
        return cast(NotebookNode, nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such notebook.") from error
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, KeyError, AttributeError) as error:
        raise StudyError(f"{path}: not a readable notebook ({type(error).__name__}).") from error


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Write a notebook in one step, unless the file holds just that already."""
    text = nbformat.writes(notebook) + "\n"  # type: ignore[no-untyped-call]
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def has_tag(cell: NotebookNode, tag: str) -> bool:
    """Return whether a cell carries `tag`."""
    return tag in cell.metadata.get("tags", [])


def code_cells(notebook: Path) -> list[str]:
    """Return the sources of a notebook's code cells, with IPython magics and shell lines blanked."""
    sources = [cell.source for cell in read_notebook(notebook).cells if cell.cell_type == "code"]
    return [re.sub(r"^\s*[%!].*$", "pass", source, flags=re.MULTILINE) for source in sources]
