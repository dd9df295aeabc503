"""tus-js-client, on which Uppy builds, uploads from a page of another origin, with the metadata that Uppy sends.

The page runs in jsdom, which applies CORS as browsers do. npm installs both into `.make`, once.
"""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

PACKAGES = ("tus-js-client@4.3.1", "jsdom@26.1.0")
PAGE = "https://app.example.org"
UPPY = {"relativePath": "null", "name": "päuse 😀.wav", "type": "audio/wav", "caption": "the board"}
UPPY |= {"filetype": UPPY["type"], "filename": UPPY["name"]}

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm, as the checks of proto/ do")


@pytest.fixture(scope="session")
def node_modules():
    folder = Path(__file__).parents[3] / ".make" / "-".join(PACKAGES)
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            options = ["--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(folder)]
            subprocess.run(["npm", "install", *options, *PACKAGES], check=True)
            (folder / "complete").touch()
    return folder / "node_modules"


@pytest.fixture
def process(processes):
    return processes(cors_origins=PAGE)


@pytest.fixture
def page(node_modules, gateway, key):
    """Call it to upload from a page; returns what the page sees."""

    async def upload(**wanted):
        wanted = {
            "page": PAGE,
            "endpoint": f"{gateway}/v1/uploads",
            "key": key,
            "name": "a.wav",
            "size": 9000,
            "metadata": UPPY,
            **wanted,
        }
        script = Path(__file__).with_name("page.mjs")
        node = await asyncio.create_subprocess_exec(
            "node", str(script), str(node_modules), json.dumps(wanted), stdout=subprocess.PIPE
        )
        shown, _ = await node.communicate()
        assert node.returncode == 0
        return json.loads(shown)

    return upload


@pytest.mark.parametrize("stop_after", [None, 4000])
async def test_a_page_uploads_in_pieces_and_resumes_after_a_stop(page, database, stop_after):
    seen = await page(stopAfter=stop_after)
    assert seen["offsets"][-1] == 9000, seen
    assert seen["resumed"] == (stop_after is not None)
    row = await database.fetchrow("SELECT id, name, size_bytes FROM recordings")
    assert (seen["transcription"], row["name"], row["size_bytes"]) == (str(row["id"]), UPPY["name"], 9000)


async def test_a_page_without_metadata_uploads(page, database):
    seen = await page(metadata={})
    assert seen["transcription"] == str(await database.fetchval("SELECT id FROM recordings"))


async def test_a_page_reads_why_it_was_refused(page):
    for wanted, status, code in (
        ({"key": "vp_wrong"}, 401, "key_unknown"),
        ({"metadata": {"langauge": "en"}}, 400, "unknown_option"),
    ):
        seen = await page(**wanted)
        assert (seen["status"], json.loads(seen["body"])["code"]) == (status, code)


async def test_a_page_of_another_origin_is_kept_out(page, database):
    seen = await page(page="https://evil.example")
    assert seen["status"] == 0
    assert await database.fetchval("SELECT count(*) FROM uploads") == 0
