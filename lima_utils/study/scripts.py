"""What systems are asked, as files: prompts that end with the user, and scripts of a conversation's user turns."""

from pathlib import Path
from typing import Any

from lima_utils.curation.json_lines import JsonLines
from lima_utils.curation.messages import read_messages, read_turns
from lima_utils.errors import StudyError
from lima_utils.files import require
from lima_utils.records import Dialogue, Message, read_rows

MADE_BY = "the curation notebook, or name another file,"


def read_prompt_file(path: Path) -> list[Dialogue]:
    """Read prompts: a parquet file of dialogues, or JSON lines in the `messages` form; each ends with the user."""
    if path.suffix == ".parquet":
        return read_rows(path, Dialogue, MADE_BY)
    require(path, MADE_BY)
    return read_messages([path], "prompts", "test").kept


def read_script_file(path: Path) -> list[Dialogue]:
    """Read scripts: the user's turns alone, in their order.

    A parquet file of dialogues, or JSON lines that hold ``turns``, a list of texts, or ``messages``; of dialogues the
    user's turns are kept and the answers left out. StudyError names the file and the line that is wrong.
    """
    if path.suffix == ".parquet":
        dialogues = read_rows(path, Dialogue, MADE_BY)
    else:
        require(path, MADE_BY)
        dialogues = [
            _read_line(line.value, f"{path}:{line.number}", f"{path.stem}/{line.number}") for line in JsonLines(path)
        ]
    scripts = [
        Dialogue(id=one.id, source=one.source, messages=[m for m in one.messages if m["role"] == "user"], split="test")
        for one in dialogues
    ]
    if not scripts:
        raise StudyError(f"{path}: no scripts; expected JSON lines with `turns`, a list of the user's texts.")
    return scripts


def _read_line(row: dict[str, Any] | None, place: str, default_id: str) -> Dialogue:
    if row is None:
        raise StudyError(f"{place}: the line is no JSON object; mend or remove it.")
    name = row.get("id") or default_id
    if "turns" not in row:
        return Dialogue(id=str(name), source="scripts", messages=read_turns(row.get("messages"), place))
    turns = row["turns"]
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) and turn.strip() for turn in turns):
        raise StudyError(f"{place}: 'turns' must be a list of texts, at least one, none of them empty.")
    return Dialogue(id=str(name), source="scripts", messages=[Message(role="user", content=turn) for turn in turns])
