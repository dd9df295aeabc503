"""The table of the README, from runs that are made up."""

import pytest

from .report import BEGIN, END, Run, UnreadableRun, written
from .row import Goal, Row


def run(part: str, value: float, *, quick: bool = False, about: str = "one machine") -> Run:
    row = Row(f"row of {part}", value, "s", Goal("<=", 2), "3 s | alone", "the disk")
    return Run(about, "one call", quick, ("large",)).having(part, row, 0.52)


@pytest.fixture
def page(tmp_path):
    place = tmp_path / "README.md"
    place.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return place


def test_rows_replace_the_old_table_and_nothing_else(tmp_path, page):
    run("prepare", 2.5).save(tmp_path / "a.json")
    assert written([tmp_path / "a.json"], page) == "README.md has 1 rows now."
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\none machine. Speech: one call. Left out, since they need a GPU: large.\n")
    assert "| row of prepare | 2.5 s | <= 2 | MISSED | 3 s \\| alone | the disk | 0.5 |" in text
    assert text.endswith(f"\n{END}\nafter\n")
    assert "old" not in text


def test_the_later_of_two_runs_of_a_part_counts(tmp_path, page):
    run("prepare", 2.5, about="first").having("clip", Row("a clip", 1.5, "", None, "", ""), 0.1).save(
        tmp_path / "a.json"
    )
    run("prepare", 1.5, about="second").save(tmp_path / "b.json")
    written([tmp_path / "a.json", tmp_path / "b.json"], page)
    text = page.read_text()
    assert "| row of prepare | 1.5 s" in text
    assert "| row of prepare | 2.5 s" not in text
    assert "| a clip | 1.5 |" in text


def test_a_quick_run_is_refused_and_the_page_stays(tmp_path, page):
    run("prepare", 2.5, quick=True).save(tmp_path / "a.json")
    before = page.read_text()
    with pytest.raises(UnreadableRun, match="--quick, which measures nothing"):
        written([tmp_path / "a.json"], page)
    assert page.read_text() == before


@pytest.mark.parametrize("content", ["", "[]", '{"rows": []}'])
def test_a_file_that_is_not_a_run_is_refused(tmp_path, page, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UnreadableRun, match="is no run of this command"):
        written([tmp_path / "a.json"], page)


def test_a_missing_file_is_reported(tmp_path, page):
    with pytest.raises(UnreadableRun, match="cannot be read"):
        written([tmp_path / "a.json"], page)
