// SPDX-License-Identifier: Apache-2.0
// libnvidia-tls: a stub with the ABI note by which the variant for native thread storage is told
// from the one for ancient kernels. Compiled for x86-64 and for i386, without any header.
//
// The note (NT_GNU_ABI_TAG, elf.h): name "GNU", then operating system 0 (Linux) and the oldest
// kernel, here 2.3.99.
__asm__(
    ".pushsection .note.ABI-tag, \"a\", @note\n"
    ".balign 4\n"
    ".long 4\n"   // bytes of the name
    ".long 16\n"  // bytes of the description
    ".long 1\n"   // NT_GNU_ABI_TAG
    ".asciz \"GNU\"\n"
    ".long 0, 2, 3, 99\n"
    ".popsection\n");
