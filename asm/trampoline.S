# The code through which kernels leave each other. docs/formats/switchboard.md is its contract.
# All numbers come from src/switchboard/layout.ts as symbols (scripts/build-trampoline.ts).

.text
.code64

# --- stub -------------------------------------------------------------------------------------
# The one page of a kernel's kexec image. It runs on the leaving kernel's identity tables, which
# map that kernel's memory only, so it loads the switchboard's tables before it goes there. They
# map this page at the same address. The four immediates are filled in for each slot and mode.
.globl stub_start, stub_end, stub_base, stub_mode, stub_slot
stub_start:
	popq	%rax				# re-entry address; 0 when this kernel leaves for good
.set stub_base, . + 2 - stub_start
	movabsq	$0x1122334455667788, %rbx	# base of the switchboard
.set stub_mode, . + 2 - stub_start
	movl	$0x11223344, %r8d
.set stub_slot, . + 2 - stub_start
	movl	$0x11223344, %r9d
	leaq	OFFSET_PML4(%rbx), %rdx
	movq	%cr4, %rcx
	testl	$CR4_LA57, %ecx
	jz	1f
	leaq	OFFSET_PML5(%rbx), %rdx
1:	movq	%rdx, %cr3
	leaq	OFFSET_TRAMPOLINE(%rbx), %rcx
	jmp	*%rcx
stub_end:

# --- trampoline -------------------------------------------------------------------------------
# %rax re-entry address, %rbx base, %r8 mode, %r9 slot of the leaver.
.globl trampoline_start, trampoline_end
trampoline_start:
	cld
	leaq	OFFSET_STACK_TOP(%rbx), %rsp
	leaq	OFFSET_CONTROL(%rbx), %r12	# %r12 = control
	movq	%rax, %r15
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, CONTROL_TSC_ENTER(%r12)
	movq	%r9, CONTROL_PREVIOUS(%r12)
	movq	%r8, CONTROL_MODE(%r12)
	movq	$0, CONTROL_REFUSAL(%r12)

	movq	%r9, %rcx
	call	record_of
	movq	%rdi, %r13			# %r13 = record of the leaver
	movq	CONTROL_TARGET(%r12), %rcx
	cmpq	$MODE_LEAVE, %r8
	je	leave_for_good
	cmpq	$MODE_CRASH, %r8
	je	crash
	movq	%r15, RECORD_ENTRY(%r13)
	movq	$STATE_PARKED, RECORD_STATE(%r13)
	call	can_enter
	jz	enter
	movq	$1, CONTROL_REFUSAL(%r12)	# back to the leaver
	movq	%r9, %rcx
	call	record_of
	jmp	enter

crash:
	movq	$STATE_CRASHED, RECORD_STATE(%r13)
	jmp	take_crash_slot
leave_for_good:
	movq	$STATE_EMPTY, RECORD_STATE(%r13)
	movq	$0, RECORD_ENTRY(%r13)
	call	can_enter
	jz	enter
take_crash_slot:
	movq	$0, RECORD_ENTRY(%r13)
	movq	CONTROL_CRASH_SLOT(%r12), %rcx
	call	can_enter
	jz	enter
	xorl	%ecx, %ecx
2:	call	can_enter
	jz	enter
	incq	%rcx
	cmpq	$MAX_SLOTS, %rcx
	jb	2b
reset:						# nobody is left to run
	movw	$0xcf9, %dx			# reset control register of the chipset
	movb	$6, %al
	outb	%al, %dx
	movb	$0xfe, %al			# keyboard controller: pulse the reset line
	outb	%al, $0x64
3:	hlt
	jmp	3b

# Enters slot %rcx whose record is %rdi.
enter:
	movq	%rcx, CONTROL_CURRENT(%r12)
	movq	%rcx, CONTROL_TARGET(%r12)
	incq	CONTROL_SEQUENCE(%r12)
	movq	RECORD_ENTRY(%rdi), %r14
	movq	RECORD_STATE(%rdi), %r10
	movq	RECORD_ARGUMENT(%rdi), %rsi
	movq	RECORD_STUB(%rdi), %r11
	movq	$STATE_RUNNING, RECORD_STATE(%rdi)
	movq	$0, RECORD_ENTRY(%rdi)
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, CONTROL_TSC_EXIT(%r12)
	cmpq	$STATE_PARKED, %r10
	je	resume

	# Documentation/arch/x86/boot.rst, 64-bit boot protocol: %rsi = boot_params.
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp
	xorl	%edi, %edi
	jmp	*%r14

resume:
	movq	%cr0, %rax			# the target loads CR4 before CR0: CET needs WP
	orq	$CR0_WP, %rax
	movq	%rax, %cr0
	pushq	%r11				# its entry point for the next time
	jmp	*%r14

# %rdi = record of slot %rcx
record_of:
	movq	%rcx, %rdi
	imulq	$RECORD_BYTES, %rdi, %rdi
	leaq	OFFSET_RECORDS(%rbx,%rdi), %rdi
	ret

# ZF set when slot %rcx can be entered; %rdi = its record
can_enter:
	cmpq	$MAX_SLOTS, %rcx
	jae	4f
	call	record_of
	cmpq	$STATE_PARKED, RECORD_STATE(%rdi)
	je	5f
	cmpq	$STATE_LOADED, RECORD_STATE(%rdi)
	ret
4:	orl	$1, %eax			# clears ZF
5:	ret
trampoline_end:

.section .note.GNU-stack,"",@progbits
