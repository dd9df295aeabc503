"""What the command does with files on disk."""

import shutil
import threading
from pathlib import Path

from voicepipe_models.files import sizes_below


def test_folders_that_vanish_do_not_disturb_whoever_watches_a_download(tmp_path: Path):
    """pip removes its folders while the progress of its download is measured."""
    (tmp_path / "kept").write_bytes(b"12345")
    over = threading.Event()

    def make_and_remove_folders() -> None:
        while not over.is_set():
            (tmp_path / "a/b").mkdir(parents=True)
            (tmp_path / "a/b/c").touch()
            shutil.rmtree(tmp_path / "a")

    other = threading.Thread(target=make_and_remove_folders)
    other.start()
    try:
        assert {max(sizes_below(tmp_path)) for _ in range(2000)} == {5}
    finally:
        over.set()
        other.join()


def test_a_file_that_vanishes_is_passed_over(tmp_path: Path):
    (tmp_path / "kept").write_bytes(b"12345")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert list(sizes_below(tmp_path)) == [5]
