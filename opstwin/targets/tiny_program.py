"""A whole program in a few hundred bytes, so that a container can be shown where no image can be had.

Run without arguments it waits until it is killed. With n arguments it exits with code n - 1: `/tiny ok` is a health
check that passes, `/tiny not ok` one that fails. The bytes are an ELF file (System V ABI, ELF-64) with one segment and
hand-assembled Linux code for x86-64 and AArch64.
"""

import struct
from typing import Final

from opstwin.errors import InvalidInput

_BASE: Final = 0x400000
_HEADERS: Final = 64 + 56

_X86_64: Final = bytes.fromhex(
    "8b0424"  # mov eax, [rsp]      the number of words on the command line
    "83f801"  # cmp eax, 1
    "7e0a"  # jle wait
    "8d78fe"  # lea edi, [rax-2]
    "b83c000000"  # mov eax, 60         exit
    "0f05"  # syscall
    "b822000000"  # wait: mov eax, 34   pause
    "0f05"  # syscall
    "ebf7"  # jmp wait
)

_AARCH64: Final = struct.pack(
    "<12I",
    0xB94003E0,  # ldr w0, [sp]
    0x51000800,  # sub w0, w0, #2
    0x37F80060,  # tbnz w0, #31, wait
    0xD2800BA8,  # mov x8, #93         exit
    0xD4000001,  # svc #0
    0xD2800000,  # wait: mov x0, #0
    0xD2800001,  # mov x1, #0
    0xD2800002,  # mov x2, #0
    0xD2800003,  # mov x3, #0
    0xD2800928,  # mov x8, #73         ppoll
    0xD4000001,  # svc #0
    0x17FFFFFA,  # b wait
)

_MACHINES: Final = {
    "x86_64": (62, _X86_64),
    "amd64": (62, _X86_64),
    "aarch64": (183, _AARCH64),
    "arm64": (183, _AARCH64),
}


def tiny_program(architecture: str) -> bytes:
    """The executable for an architecture as Docker or `uname -m` names it. Raises `InvalidInput` for any other."""
    if architecture not in _MACHINES:
        raise InvalidInput(
            f"There is no tiny program for {architecture!r}.",
            field="architecture",
            next_step="Use: opstwin demo --target sim",
        )
    machine, code = _MACHINES[architecture]
    size = _HEADERS + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01" + bytes(9),
        2,
        machine,
        1,
        _BASE + _HEADERS,
        64,
        0,
        0,
        64,
        56,
        1,
        0,
        0,
        0,
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code
