"""Drops every privilege that decoding does not need, from the process that calls `confine`.

Call it once, before the first byte of an untrusted file is read, with everything imported and a single thread. Standard library only.

An attacker who executes code in the decoder is contained by:

| measure | what it prevents | where |
|---|---|---|
| resource limits | exhausting CPU time or memory, writing files, dumping core | always |
| no_new_privs | gaining privileges by a setuid program | always |
| parent-death signal | outliving the service | always |
| another user | signalling or tracing the service, forking without end | if the service runs as root |
| Landlock | opening any file; TCP; signals | by kernel version |
| seccomp | opening files, programs, processes, threads, sockets, ptrace, kill, io_uring and the other calls in `FORBIDDEN` | x86-64 and arm64 |

It keeps: the open descriptor of the recording, for reading; stdin, stdout and stderr; CPU time and memory within the limits.

A measure that the kernel lacks is omitted, and decoding continues: a container that forbids seccomp or Landlock usually imposes
restrictions of its own. The worker tries it at its start (`confinement`), logs and exports the result, and takes no work
if a measure of `VOICEPIPE_REQUIRED_CONFINEMENT` is missing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct

MEASURES = ("limits", "no_new_privs", "user", "landlock", "seccomp")

NOBODY = 64_999  # not used by anything else: the process limit counts all processes of a user
PROCESSES = 512

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38  # linux/prctl.h

LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446  # the same on every architecture
FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}  # by version of the interface; 5 adds ioctl
FS_RIGHTS_NOW, NET_RIGHTS, SCOPES = (1 << 16) - 1, 3, 3

# audit architecture; then socket, ptrace, process_vm_readv, process_vm_writev, io_uring_setup, bpf, perf_event_open,
# userfaultfd, add_key, request_key, keyctl, unshare, mount, kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo,
# pidfd_send_signal, pidfd_getfd, execve, execveat, clone, clone3, openat, openat2; on x86-64 also fork, vfork, open, creat
_FORBIDDEN_X86 = (
    41,
    101,
    310,
    311,
    425,
    321,
    298,
    323,
    248,
    249,
    250,
    272,
    165,
    62,
    200,
    234,
    129,
    297,
    424,
    438,
    59,
    322,
    56,
    435,
    257,
    437,
    57,
    58,
    2,
    85,
)
_FORBIDDEN_ARM = (
    198,
    117,
    270,
    271,
    425,
    280,
    241,
    282,
    217,
    218,
    219,
    97,
    40,
    129,
    130,
    131,
    138,
    240,
    424,
    438,
    221,
    281,
    220,
    435,
    56,
    437,
)
FORBIDDEN = {"x86_64": (0xC000003E, _FORBIDDEN_X86), "aarch64": (0xC00000B7, _FORBIDDEN_ARM)}
X32 = 0x40000000

LIBC = ctypes.CDLL(None, use_errno=True)


class _Unavailable(Exception):
    """The kernel or the container does not permit this measure."""


def confine(parent: int, cpu_s: int, memory_bytes: int) -> list[str]:
    """Confine this process, a child of the process `parent`, for good. Returns the measures that took effect.

    Raises:
        RuntimeError: there are other threads, which would stay as they are.
    """
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - a count
        raise RuntimeError("only a process with a single thread can confine itself")
    applied = ["limits"]
    for name, step in (("user", _drop_user), ("no_new_privs", _no_new_privs)):
        with contextlib.suppress(_Unavailable):
            step()
            applied.append(name)
    _die_with(parent)
    for name, restrict in (("landlock", _landlock), ("seccomp", _seccomp)):
        with contextlib.suppress(_Unavailable, OSError):
            restrict()
            applied.append(name)
    _limit(cpu_s, memory_bytes)
    return applied


def _drop_user() -> None:
    if os.geteuid() != 0:
        raise _Unavailable
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as error:
        raise _Unavailable from error
    # Only for a dedicated user: for any other, the limit would count unrelated processes.
    resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))


def _no_new_privs() -> None:
    _checked(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _die_with(parent: int) -> None:
    """Must follow the change of user, which clears the setting."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the setting took effect


def _landlock() -> None:
    """Without a rule, nothing is allowed."""
    version = _checked(LIBC.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1))
    rights = FS_RIGHTS.get(version, FS_RIGHTS[3] if version < 5 else FS_RIGHTS_NOW)  # noqa: PLR2004
    attributes = struct.pack("QQQ", rights, NET_RIGHTS, SCOPES)
    size = 24 if version >= 6 else 16 if version >= 4 else 8  # noqa: PLR2004
    rules = _checked(LIBC.syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), 0))
    _checked(LIBC.syscall(LANDLOCK_RESTRICT, rules, 0))
    os.close(rules)


def _seccomp() -> None:
    """Install a BPF filter: a forbidden call fails with EPERM, a call of another architecture kills."""
    if platform.machine() not in FORBIDDEN:
        raise _Unavailable
    architecture, calls = FORBIDDEN[platform.machine()]
    refuse = len(calls) + 1
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    steps = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (answer, 0, 0, 0x80000000),  # SECCOMP_RET_KILL_PROCESS
        (load, 0, 0, 0),
        (at_least, refuse, 0, X32),
        *((equal, refuse - 1 - place, 0, call) for place, call in enumerate(calls)),
        (answer, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        (answer, 0, 0, 0x00050001),  # SECCOMP_RET_ERRNO | EPERM
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    _checked(LIBC.prctl(PR_SET_SECCOMP, 2, program, 0, 0))


def _limit(cpu_s: int, memory_bytes: int) -> None:
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory_bytes),
    ):
        resource.setrlimit(kind, (limit, limit))


def _checked(result: int) -> int:
    if result < 0:
        raise _Unavailable
    return result
