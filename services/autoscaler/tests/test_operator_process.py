"""The process of the operator, without a cluster."""

import os
import subprocess
import sys


def run(home, **environment):
    known = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return subprocess.run(
        [sys.executable, "-m", "voicepipe_autoscaler.operator"],
        env=known | {"HOME": str(home), "VOICEPIPE_NAMESPACE": "here", "VOICEPIPE_HTTP_PORT": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_an_account_it_ends_with_a_sentence_that_says_what_is_missing(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "autoscaler cannot start. It has no account for the Kubernetes API: let its pod mount the token of its service account "
        "(automountServiceAccountToken), or set KUBECONFIG."
    )


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path):
    done = run(tmp_path, KUBECONFIG=str(tmp_path / "none"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("autoscaler cannot start. It cannot log in to the Kubernetes API: ")
    assert str(tmp_path / "none") in done.stderr.splitlines()[-1]
