// SPDX-License-Identifier: Apache-2.0
// The start of every program of the simulated driver. The one that comes with the compiler asks for
// __libc_start_main of glibc 2.34 and would not run in the root of an older distribution; this one
// asks for the version that x86-64 has had from the beginning. The registers and the stack at
// process entry: System V ABI, AMD64 supplement, 3.4.1; the call: csu/libc-start.c of glibc.
__asm__(
    ".symver __libc_start_main, __libc_start_main@GLIBC_2.2.5\n"
    ".globl _start\n"
    ".type _start, @function\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"        // the outermost frame
    "  mov %rdx, %r9\n"         // rtld_fini: the loader's own clean-up
    "  pop %rsi\n"              // argc
    "  mov %rsp, %rdx\n"        // argv
    "  and $-16, %rsp\n"        //
    "  push %rax\n"             // keeps the stack aligned
    "  push %rsp\n"             // stack_end
    "  xor %r8d, %r8d\n"        // fini, init: none, the arrays
    "  xor %ecx, %ecx\n"        // of constructors are empty
    "  lea main(%rip), %rdi\n"  //
    "  call *__libc_start_main@GOTPCREL(%rip)\n"
    "  hlt\n");
