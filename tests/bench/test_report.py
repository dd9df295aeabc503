"""The table of the README, written from invented runs."""

import pytest

from .report import BEGIN, END, Run, UnreadableRun, write_table
from .row import Goal, Row


def run(part: str, value: float, *, quick: bool = False, title: str = "one machine") -> Run:
    row = Row(f"row of {part}", value, "s", Goal("<=", 2), "3 s | alone", "the disk")
    return Run(title, "one call", quick, ("large",)).with_row(part, row, 0.52)


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return path


def test_rows_replace_the_old_table_and_nothing_else(tmp_path, page):
    run("prepare", 2.5).save(tmp_path / "a.json")
    assert write_table([tmp_path / "a.json"], page) == "README.md has 1 rows now."
    text = page.read_text()
    assert text.startswith(
        f"before\n{BEGIN}\none machine. Speech: one call. Left out, since they need a GPU or a cluster: large.\n"
    )
    assert "| row of prepare | 2.5 s | <= 2 | MISSED | 3 s \\| alone | the disk | 0.5 |" in text
    assert text.endswith(f"\n{END}\nafter\n")
    assert "old" not in text


def test_if_two_runs_have_a_part_the_later_one_counts(tmp_path, page):
    run("prepare", 2.5, title="first").with_row("clip", Row("a clip", 1.5, "", None, "", ""), 0.1).save(
        tmp_path / "a.json"
    )
    run("prepare", 1.5, title="second").save(tmp_path / "b.json")
    write_table([tmp_path / "a.json", tmp_path / "b.json"], page)
    text = page.read_text()
    assert "| row of prepare | 1.5 s" in text
    assert "| row of prepare | 2.5 s" not in text
    assert "| a clip | 1.5 |" in text


def test_a_quick_run_is_refused_and_the_page_is_unchanged(tmp_path, page):
    run("prepare", 2.5, quick=True).save(tmp_path / "a.json")
    before = page.read_text()
    with pytest.raises(UnreadableRun, match="--quick, which measures nothing"):
        write_table([tmp_path / "a.json"], page)
    assert page.read_text() == before


@pytest.mark.parametrize("content", ["", "[]", '{"rows": []}'])
def test_a_file_that_is_not_a_run_is_refused(tmp_path, page, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UnreadableRun, match="is not a run of this command"):
        write_table([tmp_path / "a.json"], page)


def test_a_missing_file_is_reported(tmp_path, page):
    with pytest.raises(UnreadableRun, match="cannot be read"):
        write_table([tmp_path / "a.json"], page)
