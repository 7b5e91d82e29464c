"""Commands on the hub's host, in a real sandbox: what they cannot see, do, take, or leave behind."""

import asyncio
import http.server
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from opstwin.errors import InvalidInput, Rejected
from opstwin.targets.host.commands import ran
from opstwin.targets.host.limits import MIB, ControlGroup, Limits
from opstwin.targets.host.sandbox import Sandbox
from opstwin.targets.ports import ExecResult

DETACHED = (
    "setsid sleep 60{mark} & (setsid sleep 61{mark} &) & nohup setsid sleep 62{mark} >/dev/null 2>&1 & sleep 0.3; "
)
GONE_S = 2.0


async def run(*argv: str, sandbox: Sandbox | None = None, timeout_s: float = 20.0, limit: int = 20_000) -> ExecResult:
    return await ran(sandbox or Sandbox(), argv, timeout_s=timeout_s, limit_bytes=limit)


async def python(program: str, *words: str, **more: object) -> ExecResult:
    return await run("python3", "-c", program, *words, **more)  # type: ignore[arg-type]


def left(mark: str) -> list[str]:
    """The command lines of this machine that carry a mark."""
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = place.read_bytes().decode(errors="replace").split("\0")
            if words[0].endswith("sleep") and any(mark in word for word in words[1:]):
                found.append(" ".join(words))
    return found


async def until(met: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.02)


@pytest.fixture
def mark() -> str:
    """Digits that no other process has in its command line; as a fraction of a second they change nothing."""
    return f".{secrets.randbelow(10**9):09d}"


async def test_a_command_runs_and_gives_both_streams_and_its_code() -> None:
    said = await run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (said.exit_code, said.stdout, said.stderr, said.truncated, said.stopped) == (7, "out\n", "err\n", False, "")


@pytest.mark.proves("E2")
async def test_a_command_meets_no_shell() -> None:
    words = ["$(id)", "; exit 3", "`id`", "a\nb", "--", "-n"]
    assert (await run("echo", *words)).stdout == " ".join(words) + "\n"


async def test_an_operator_sees_the_machines_memory_disks_and_load() -> None:
    memory = (await run("free", "-b")).stdout.split()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert abs(int(memory[memory.index("Mem:") + 1]) - total) <= total * 0.01
    assert (await run("df", "-h", "/")).exit_code == 0
    assert (await run("uname", "-r")).stdout.strip() == os.uname().release
    assert (await run("ls", "/etc/passwd")).stdout == "/etc/passwd\n"


@pytest.mark.proves("I2")
@pytest.mark.req("S3.83")
async def test_a_fork_bomb_is_held_and_ended_and_the_machine_goes_on(mark: str) -> None:
    bomb = f"""
import os, time
while True:
    try:
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "600{mark}"])
    except OSError:
        time.sleep(0.01)
"""
    asked = asyncio.create_task(python(bomb, timeout_s=1.5))
    most = 0
    while not asked.done():
        most = max(most, len(left(mark)))
        await asyncio.sleep(0.05)
    assert (await asked).stopped == "time"
    assert 1 < most <= Limits().processes
    await until(lambda: not left(mark), GONE_S)


@pytest.mark.proves("I2")
@pytest.mark.req("S3.83")
async def test_two_gigabytes_of_memory_are_not_to_be_had() -> None:
    said = await python("x = bytearray(2 << 30); print(len(x))")
    assert said.exit_code != 0
    assert said.stdout == ""
    assert "MemoryError" in said.stderr


SPREAD = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        x = bytearray(int(sys.argv[2]) << 20)
        for place in range(0, len(x), 4096):
            x[place] = 1
        time.sleep(60)
time.sleep(60)
"""
"""Several processes, each below its own limit, all together far above the limit of the command."""


@pytest.mark.proves("I2")
async def test_memory_is_counted_over_all_processes_together_also_without_a_control_group(tmp_path: Path) -> None:
    small = Sandbox(limits=Limits(memory_bytes=128 * MIB), groups=tmp_path)
    said = await python(SPREAD, "8", "40", sandbox=small, timeout_s=30)
    assert (said.exit_code, said.stopped) == (137, "memory")


TOGETHER = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        x = bytearray(40 << 20)
        for place in range(0, len(x), 4096):
            x[place] = 1
        time.sleep(1)
        os._exit(0)
print(sum(os.wait()[1] != 0 for _ in range(6)))
"""


@pytest.mark.proves("I2")
async def test_the_control_group_holds_all_processes_together_to_their_memory() -> None:
    group = ControlGroup.made(Limits())
    if group is None:
        pytest.fail("No control group can be made here: run this as root, as the test bed does.", pytrace=False)
    group.remove()
    small = Sandbox(limits=Limits(memory_bytes=64 * MIB))
    said = await python(TOGETHER, sandbox=small)
    assert said.exit_code != 0 or int(said.stdout) >= 1


@pytest.mark.proves("I2")
@pytest.mark.req("S3.83")
async def test_a_long_sleep_is_ended_when_its_time_is_over(mark: str) -> None:
    async with asyncio.timeout(10):
        said = await run("sleep", f"600{mark}", timeout_s=0.5)
    assert (said.exit_code, said.stopped) == (137, "time")
    assert not left(mark)


@pytest.mark.proves("I2")
async def test_ten_gigabytes_of_output_are_cut_and_the_command_is_ended() -> None:
    said = await run("head", "-c", "10G", "/dev/zero", timeout_s=60, limit=1000)
    assert (said.exit_code, len(said.stdout), said.truncated, said.stopped) == (137, 1000, True, "output")


@pytest.mark.proves("I2")
async def test_files_can_be_written_in_a_small_scratch_folder_only() -> None:
    said = await run(
        "sh", "-c", "head -c 100 /dev/zero > /tmp/x && echo wrote; head -c 100M /dev/zero > /tmp/y; ls -s /tmp/y"
    )
    assert "wrote" in said.stdout
    for folder in ("/", "/etc", "/usr/bin", "/dev", "/dev/shm", "/home", "/root", "/run", "/var", "/sys", "/proc"):
        refused = await run("sh", "-c", f"touch {folder}/opstwin-was-here")
        assert refused.exit_code != 0, folder
    total = await python(
        "import os\nn=0\nfor i in range(8):\n  try:\n    f=open(f'/tmp/{i}','wb')\n"
        "    while True: n+=f.write(bytes(1<<20)); f.flush()\n  except OSError: pass\nprint(n)"
    )
    assert total.exit_code != 0 or int(total.stdout) <= 2 * Limits().scratch_bytes


@pytest.mark.proves("I3")
@pytest.mark.req("S3.83")
async def test_children_that_detach_do_not_outlive_the_command(mark: str) -> None:
    said = await run("sh", "-c", DETACHED.format(mark=mark) + "echo began; exit 5")
    assert (said.exit_code, said.stdout) == (5, "began\n")
    await until(lambda: not left(mark), GONE_S)


@pytest.mark.proves("I3")
async def test_children_that_detach_do_not_outlive_the_commands_time(mark: str) -> None:
    said = await run("sh", "-c", DETACHED.format(mark=mark) + f"sleep 600{mark}", timeout_s=1.5)
    assert said.stopped == "time"
    await until(lambda: not left(mark), GONE_S)


@pytest.mark.proves("I7")
async def test_when_the_caller_goes_away_the_command_is_gone_within_two_seconds(mark: str) -> None:
    asked = asyncio.create_task(run("sh", "-c", DETACHED.format(mark=mark) + f"sleep 600{mark}", timeout_s=60))
    await until(lambda: len(left(mark)) >= 4, 10)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asked, GONE_S)
    assert not left(mark)


async def test_a_caller_who_goes_away_at_any_moment_leaves_nothing(mark: str) -> None:
    for delay_s in (0.0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05):
        asked = asyncio.create_task(run("sleep", f"600{mark}", timeout_s=60))
        await asyncio.sleep(delay_s)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asked, 10)
        await until(lambda: not left(mark), GONE_S)


@pytest.mark.proves("I3")
async def test_when_the_hub_is_killed_its_commands_die_with_it(mark: str, tmp_path: Path) -> None:
    hub = (
        "import asyncio\nfrom opstwin.targets.host.commands import ran\n"
        "from opstwin.targets.host.sandbox import Sandbox\n"
        f"asyncio.run(ran(Sandbox(), ['sleep','600{mark}'], timeout_s=600, limit_bytes=10))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", hub, cwd=Path(__file__).parents[2])
    await until(lambda: bool(left(mark)), 20)
    process.kill()
    await process.wait()
    await until(lambda: not left(mark), GONE_S)


class Metadata(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def neighbour() -> Iterator[int]:
    """A web server on this machine, which everybody on it can reach."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


REACH = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
        print("reached", place)
    except OSError as error:
        print("no", place)
"""


@pytest.mark.proves("I4", "I5")
async def test_there_is_no_network_not_even_to_this_machine_or_its_metadata(neighbour: int) -> None:
    socket.create_connection(("127.0.0.1", neighbour), 5).close()
    places = [f"127.0.0.1:{neighbour}", "169.254.169.254:80", "1.1.1.1:53"]
    said = await python(REACH, *places)
    assert said.stdout.split("\n")[:-1] == [f"no {place}" for place in places]


UNIX = """
import socket, sys
for path in sys.argv[1:]:
    try:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(path)
        print("reached", path)
    except OSError as error:
        print(type(error).__name__, path)
"""


@pytest.mark.proves("I5")
async def test_no_unix_socket_is_reached_wherever_it_lies() -> None:
    with socket.socket(socket.AF_UNIX) as server:
        path = Path("/usr/share") / f"opstwin-test-{secrets.token_hex(4)}.sock"
        try:
            server.bind(str(path))
        except OSError:
            path = Path("/var/tmp") / path.name
            server.bind(str(path))
        try:
            path.chmod(0o777)
            server.listen()
            said = await python(UNIX, str(path), "/var/run/docker.sock", "/run/docker.sock")
        finally:
            path.unlink()
    assert said.stdout.split("\n")[:-1] == [
        f"PermissionError {path}", "PermissionError /var/run/docker.sock", "PermissionError /run/docker.sock",
    ]  # fmt: skip


@pytest.mark.proves("I5")
async def test_homes_sockets_credentials_and_the_hubs_own_files_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSTWIN_TOKEN", "opt_do-not-tell-anybody-about-this")
    own = Path("/var") / f"opstwin-test-{secrets.token_hex(4)}"
    try:
        own.mkdir()
    except OSError:
        pytest.fail("This test needs to write to /var: run it as root, as the test bed does.", pytrace=False)
    try:
        (own / "key.pem").write_text("the hub's key")
        (own / "key.pem").chmod(0o644)
        config = own.with_suffix(".toml")
        config.write_text("database_url = 'secret'")
        sandbox = Sandbox(hidden=(own, config, Path("/"), Path("/no/such/place")))
        said = await run(
            "sh", "-c", f"ls -A /root /home /run /var/tmp {own}; cat {config} {own}/key.pem; env", sandbox=sandbox
        )
        seen = await run("cat", f"{own}/key.pem")
        assert seen.stdout == "the hub's key", "without being hidden it would be seen"
    finally:
        (own / "key.pem").unlink()
        own.rmdir()
        own.with_suffix(".toml").unlink(missing_ok=True)
    assert "hub's key" not in said.stdout
    assert "secret" not in said.stdout
    assert "opt_" not in said.stdout
    listed = said.stdout.split("HOME=")[0]
    assert all(line.endswith(":") or not line for line in listed.splitlines() if "=" not in line), listed
    for path in ("/root/.ssh", "/root/.kube/config", "/var/run/docker.sock", "/etc/shadow", "/proc/1/root/etc/shadow"):
        assert (await run("cat", path)).exit_code != 0, path


@pytest.mark.proves("I5")
async def test_the_processes_and_environments_of_others_are_not_there() -> None:
    said = await run(
        "sh", "-c", "for p in /proc/[0-9]*; do cat $p/environ | tr '\\0' '\\n'; done; echo; ls -d /proc/[0-9]* | wc -l"
    )
    lines = said.stdout.split()
    assert {line.partition("=")[0] for line in lines[:-1] if "=" in line} <= {
        "PATH",
        "HOME",
        "LANG",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    }
    assert int(lines[-1]) < 10
    assert str(os.getpid()) not in (await run("ps", "-eo", "pid")).stdout.split()


ESCAPES = """
import ctypes, errno, os, platform, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
row = 0 if platform.machine() == "x86_64" else 1
calls = {"keyctl": (250, 219), "add_key": (248, 217), "bpf": (321, 280), "io_uring_setup": (425, 425),
         "open_tree": (428, 428), "fsopen": (430, 430), "memfd_create": (319, 279), "setns": (308, 268),
         "perf_event_open": (298, 241), "process_vm_readv": (310, 270), "reboot": (169, 142), "shmget": (29, 194)}
def tell(name, answer):
    print(name, errno.errorcode.get(ctypes.get_errno(), "?") if answer == -1 else "allowed")
tell("mount", libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
tell("umount", libc.umount2(b"/proc", 2))
tell("ptrace", libc.ptrace(0, 0, 0, 0))
tell("unshare", libc.unshare(0x10000000))
tell("chroot", libc.chroot(b"/tmp"))
tell("setuid", libc.setuid(0))
for name, numbers in calls.items():
    ctypes.set_errno(0)
    tell(name, libc.syscall(numbers[row], 0, 0, 0, 0, 0))
tell("clone", libc.syscall((56, 220)[row], 0x10000000 | 17, 0, 0, 0, 0))
for family in (1, 17, 38, 40):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
        print("socket", family, "allowed")
    except OSError as error:
        print("socket", family, errno.errorcode[error.errno])
status = open("/proc/self/status").read()
print([line.split()[1] for line in status.splitlines() if line.startswith("Cap")])
print(os.getuid(), os.geteuid(), os.getgroups())
"""


@pytest.mark.proves("I6")
async def test_ways_out_of_the_sandbox_are_refused() -> None:
    said = await python(ESCAPES)
    *rows, capabilities, ids = said.stdout.splitlines()
    answers = {row.rpartition(" ")[0]: row.rpartition(" ")[2] for row in rows}
    assert answers.pop("setuid") in ("EPERM", "EINVAL")
    assert set(answers.values()) == {"EPERM"}, answers
    assert len(answers) >= 20
    assert set(eval(capabilities)) == {"0" * 16}
    assert ids.startswith("65534 65534")


@pytest.mark.proves("I6")
async def test_a_command_never_runs_as_the_hubs_root() -> None:
    """Seen from outside: whatever the command thinks it is, the kernel takes it for nobody on this machine."""
    if os.geteuid() != 0:
        pytest.fail("This test must run as root, as the test bed does.", pytrace=False)
    mark = f".{secrets.randbelow(10**9):09d}"
    asked = asyncio.create_task(run("sleep", f"600{mark}", timeout_s=60))
    await until(lambda: bool(left(mark)), 10)
    [pid] = [
        int(place.name) for place in Path("/proc").glob("[0-9]*")
        if mark in _words(place) and _words(place).startswith("sleep")
    ]  # fmt: skip
    status = Path(f"/proc/{pid}/status").read_text()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    ids = {word for line in status.splitlines() if line.startswith(("Uid", "Gid")) for word in line.split()[1:]}
    groups = next(line for line in status.splitlines() if line.startswith("Groups")).split()[1:]
    assert ids == {"65533"}
    assert set(groups) <= {"65533"}


def _words(place: Path) -> str:
    with suppress(OSError):
        return (place / "cmdline").read_bytes().decode(errors="replace")
    return ""


@pytest.mark.proves("I1")
async def test_without_bubblewrap_nothing_runs_and_the_next_step_is_told(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="bubblewrap is not installed") as refused:
        await run("id", sandbox=Sandbox(search=str(tmp_path)))
    assert "apt-get install bubblewrap" in refused.value.next_step


@pytest.mark.proves("I1")
async def test_a_sandbox_that_cannot_be_made_runs_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit 0\necho no namespaces >&2\nexit 1\n'
    )
    broken.chmod(0o755)
    (tmp_path / "prlimit").symlink_to("/usr/bin/prlimit")
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:
        if above.is_relative_to("/tmp") and above != Path("/tmp"):
            above.chmod(0o755)
    with pytest.raises(Rejected, match="no namespaces"):
        await run("id", sandbox=Sandbox(search=str(tmp_path)))
    broken.write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
    other = tmp_path / "old"
    other.mkdir()
    (other / "bwrap").symlink_to(broken)
    (other / "prlimit").symlink_to("/usr/bin/prlimit")
    with pytest.raises(Rejected, match=r"0\.4\.1 is too old"):
        await run("id", sandbox=Sandbox(search=str(other)))


async def test_what_is_no_command_is_refused() -> None:
    for argv in ([], ["a\x00b"]):
        with pytest.raises(InvalidInput):
            await run(*argv)


async def test_a_program_that_is_not_there_is_told_by_its_exit_code() -> None:
    said = await run("no-such-program")
    assert said.exit_code == 127
    assert "no-such-program" in said.stderr


async def test_many_commands_at_the_same_time_leave_no_control_group_and_no_open_file_behind() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        ended = await asyncio.gather(*(run("true") for _ in range(8)))
        assert {item.exit_code for item in ended} == {0}
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
    assert not list(Path("/sys/fs/cgroup").rglob(f"opstwin-exec-{os.getpid()}-*"))
