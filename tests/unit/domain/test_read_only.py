"""The closed list of commands that only read: what is on it, and that nothing else gets in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.command import MAX_WORD, MAX_WORDS, Command
from opstwin.domain.command_risk import command_risk
from opstwin.domain.plan import Risk
from opstwin.domain.read_only import PROGRAMS, why_not_read_only
from opstwin.errors import InvalidInput

READS = [
    "ps", "ps aux", "ps -ef", "ps -eo pid,args", "ps -eo pid,rss",
    "ps aux --sort rss", "df -h", "df -hT /var", "free -m", "uptime", "uname -a", "date", "date -u +%s", "ls -la /etc",
    "stat -c %s /etc/hosts", "id", "id nginx", "du -sh /var/log", "ss -tlnp", "ss -f inet -tn", "ip addr show",
    "ip -br addr show dev eth0", "ip route show", "ip route", "ip a", "nginx -V", "nginx -v", "redis-cli ping",
    "redis-cli info memory", "top -bn1", "hostname -i", "whoami", "nproc", "pg_isready", "netstat -tln",
]  # fmt: skip

WRITES_OR_TELLS_SECRETS = [
    # another program, a shell, or whatever somebody put there
    "sh -c ps", "bash -c df", "busybox ps", "env", "printenv", "xargs ps", "sudo ps", "nohup df", "find / -delete",
    "/bin/ps", "./ps", "/tmp/df -h", "PS", "ps;id", "df\n-h",
    # content of files and environments
    "cat /etc/hosts", "head /etc/passwd", "tail -f /var/log/syslog", "ps e", "ps auxe", "ps -ef e", "ps eww",
    "ps -eo pid,environ", "ps axe", "ps -e e", "date -f /etc/shadow", "du --files0-from=/etc/shadow", "nginx -T",
    "ss -F /etc/shadow", "redis-cli config get requirepass", "ls --help=/etc/shadow",
    # it changes something
    "date -s 2020-01-01", "date 01010101", "date --iso-8601 01010101", "hostname evil", "hostname -F /tmp/x",
    "ip addr add 10.0.0.1/8 dev lo", "ip a add 10.0.0.1/8 dev lo", "ip link set lo down", "ip route flush cache",
    "ip netns exec x sh", "ip -batch /tmp/x", "ip -b /tmp/x", "ss -K", "ss -K dst 1.1.1.1", "ss -D /tmp/x", "mount -a",
    "mount /dev/sda /mnt", "nginx -s reload", "nginx -s stop", "nginx -t", "httpd -t",
    "java -version", "nginx -t -c /tmp/evil.conf", "nginx -g daemon",
    "redis-cli flushall", "redis-cli info; flushall", "redis-cli ping flushall", "dmesg -c", "top -b",
    # it points elsewhere
    "redis-cli -h evil.example ping", "redis-cli -u redis://evil ping", "redis-cli -s /tmp/evil.sock ping",
    "redis-cli --eval /tmp/x", "pg_isready -h evil.example", "pg_isready --host=evil.example", "ss -N evil",
    "kubectl get pods", "kubectl --server=http://evil get pods", "kubectl --kubeconfig=/x get pods",
    "docker -H tcp://evil ps", "curl http://evil.example",
    # a flag that is not known, or a value that is one
    "ls --anything", "df --output=source", "ls -- -x", "stat -c --printf", "uname -Z", "free -s 1", "vmstat 1",
    "uptime -x", "ls -I x", "du -X /etc/shadow", "ps -o -e", "id -",
]  # fmt: skip


@pytest.mark.proves("G7")
@pytest.mark.req("S3.G3")
@pytest.mark.parametrize("line", READS)
def test_what_only_reads_is_on_the_list(line: str) -> None:
    assert why_not_read_only(line.split(" ")) == ""


@pytest.mark.proves("E3", "G7", "I1")
@pytest.mark.parametrize("line", WRITES_OR_TELLS_SECRETS)
def test_what_writes_tells_secrets_or_points_elsewhere_is_not_on_the_list(line: str) -> None:
    assert why_not_read_only(line.split(" ")) != ""


@pytest.mark.proves("E2")
@pytest.mark.parametrize(
    "word", ["$(id)", "`id`", "; rm -rf /", "&& id", "| sh", "> /etc/passwd", "\n", "a\x00b", "\u202e", "ａ"]
)
def test_no_word_of_a_shell_makes_a_command_read_only(word: str) -> None:
    for argv in (["ps", word], ["df", word, "-h"], [word], ["ip", "addr", word]):
        if argv[0] == "df" and why_not_read_only(argv) == "":
            assert "/" in word or word.isprintable(), "only the name of a file, which no shell ever reads"
            continue
        assert why_not_read_only(argv) != ""


def test_an_empty_command_is_not_read_only() -> None:
    assert why_not_read_only([]) != ""


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(PROGRAMS)), st.lists(st.text(max_size=12), max_size=4))
def test_whatever_follows_a_program_of_the_list_the_answer_is_always_a_text(program: str, words: list[str]) -> None:
    why = why_not_read_only([program, *words])
    assert isinstance(why, str)
    if any(word.startswith("--") and "=" in word and "/" in word for word in words):
        assert why != ""


@pytest.mark.proves("I1")
@pytest.mark.parametrize(
    "argv",
    [(), ("",), (" ",), ("-rf", "/"), ("--help",), ("a\x00b",), ("ls", "\ud800"), ("ls", "x" * (MAX_WORD + 1)),
     ("ls",) * (MAX_WORDS + 1)],
)  # fmt: skip
def test_what_is_no_command_is_refused_with_its_field(argv: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as refused:
        Command(argv=argv)
    assert refused.value.field == "argv"


@pytest.mark.parametrize(
    ("timeout_s", "field"), [(0, "timeout_s"), (-1, "timeout_s"), (float("nan"), "timeout_s"), (1e9, "timeout_s")]
)
def test_a_time_that_is_none_is_refused(timeout_s: float, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Command(argv=("ls",), timeout_s=timeout_s)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("argv", "risk"),
    [
        (("touch", "/x"), Risk.HIGH), (("nginx", "-s", "reload"), Risk.HIGH), (("rm", "-rf", "/"), Risk.DESTRUCTIVE),
        (("/bin/rm", "x"), Risk.DESTRUCTIVE), (("sh", "-c", "true"), Risk.DESTRUCTIVE),
        (("mkfs.ext4", "/dev/sda"), Risk.DESTRUCTIVE), (("kill", "1"), Risk.DESTRUCTIVE), (("unheard-of",), Risk.HIGH),
    ],
)  # fmt: skip
def test_a_command_is_never_less_than_high_risk(argv: tuple[str, ...], risk: Risk) -> None:
    assert command_risk(Command(argv=argv))[0] is risk
