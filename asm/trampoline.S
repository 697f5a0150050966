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
	movq	$0, RECORD_ENTRY(%r13)
	call	own_apic_id
	cmpl	CONTROL_BOOT_APIC_ID(%r12), %eax
	je	take_crash_slot
	cmpq	$0, CONTROL_CAN_WAKE(%r12)
	jne	wake_boot_processor
	jmp	reset				# an OS entered here would get no interrupt of a device
leave_for_good:
	movq	$STATE_EMPTY, RECORD_STATE(%r13)
	movq	$0, RECORD_ENTRY(%r13)
	call	can_enter
	jz	enter
take_crash_slot:
	movq	CONTROL_CRASH_SLOT(%r12), %rcx
	call	can_enter
	jz	enter
	xorl	%ecx, %ecx
2:	call	can_enter
	jz	enter
	incq	%rcx
	cmpq	$MAX_SLOTS, %rcx
	jb	2b
reset:						# nobody is left who could run
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

# --- from another processor to the boot processor ------------------------------------------------
# A panic runs on the processor where it happened, but a parked kernel can only be entered on the
# boot processor, which the dead kernel has halted inside an NMI: only INIT wakes it. INIT leads a
# boot processor through the firmware, which jumps to 40:67 without touching memory when CMOS byte
# 0x0f says 0x0a (the warm reset of the MultiProcessor Specification 1.4, B.4.1), and any other
# processor to the page that the start-up message names. The code for both is put into the dead
# kernel's low memory, which nobody needs any more.
wake_boot_processor:
	movq	RECORD_LOW_START(%r13), %rdi
	testq	%rdi, %rdi
	jnz	6f
	movl	$HOME_WAKE_PAGE, %edi
6:	movq	%rdi, %r15			# %r15 = the page
	leaq	wake_start(%rip), %rsi
	movl	$(wake_end - wake_start), %ecx
	rep movsb
	leal	(wake_gdt - wake_start)(%r15), %eax
	movl	%eax, (wake_gdtr + 2 - wake_start)(%r15)
	leal	(wake_long - wake_start)(%r15), %eax
	movl	%eax, (wake_far - wake_start)(%r15)
	movq	%cr3, %rax
	movl	%eax, (wake_cr3 - wake_start)(%r15)
	movq	%cr4, %rax
	andl	$(CR4_PAE | CR4_LA57), %eax
	movl	%eax, (wake_cr4 - wake_start)(%r15)
	movq	%rbx, (wake_base - wake_start)(%r15)

	movb	$0x0f, %al			# CMOS shutdown status
	outb	%al, $0x70
	movb	$0x0a, %al			# jump to 40:67, no end of interrupt
	outb	%al, $0x71
	movl	%r15d, %eax
	shrl	$4, %eax
	movw	$0, 0x467
	movw	%ax, 0x469

	movl	$ICR_INIT_ASSERT, %esi
	call	send_to_boot_processor
	call	delay
	movl	$ICR_INIT_DEASSERT, %esi
	call	send_to_boot_processor
	movl	%r15d, %esi
	shrl	$12, %esi
	orl	$ICR_STARTUP, %esi
	call	send_to_boot_processor
	call	delay
	call	send_to_boot_processor
7:	hlt					# until the next kernel starts this processor
	jmp	7b

# The boot processor, in long mode on the switchboard's tables, %rbx = base.
on_boot_processor:
	movl	$SELECTOR_DATA, %eax		# the selectors that Linux itself uses
	movl	%eax, %ss
	movl	%eax, %ds
	movl	%eax, %es
	leaq	OFFSET_STACK_TOP(%rbx), %rsp
	leaq	OFFSET_CONTROL(%rbx), %r12
	jmp	take_crash_slot

# %eax = APIC id of this processor (Intel SDM vol. 2, CPUID leaves 0x0b and 1)
own_apic_id:
	pushq	%rbx
	xorl	%eax, %eax
	cpuid
	cmpl	$0x0b, %eax
	jb	8f
	movl	$0x0b, %eax
	xorl	%ecx, %ecx
	cpuid
	movl	%edx, %eax
	testl	%ebx, %ebx
	jnz	9f
8:	movl	$1, %eax
	cpuid
	shrl	$24, %ebx
	movl	%ebx, %eax
9:	popq	%rbx
	ret

# Sends the message %esi (low half of the interrupt command register) to the boot processor.
send_to_boot_processor:
	movl	CONTROL_BOOT_APIC_ID(%r12), %edi
	movl	$MSR_APIC_BASE, %ecx
	rdmsr
	testl	$APIC_BASE_X2APIC, %eax
	jz	10f
	movl	$MSR_X2APIC_ICR, %ecx
	movl	%esi, %eax
	movl	%edi, %edx
	wrmsr
	ret
10:	andl	$0xfffff000, %eax
	shll	$24, %edi
	movl	%edi, 0x310(%rax)
	movl	%esi, 0x300(%rax)
	ret

# At least 10 ms on processors up to 6 GHz
delay:
	rdtsc
	movl	%eax, %edi
11:	pause
	rdtsc
	subl	%edi, %eax
	cmpl	$(1 << 26), %eax
	jb	11b
	ret

# Copied to the page; entered in real mode at its first byte.
.balign 8
wake_start:
.code16
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	wake_gdtr - wake_start
	movl	wake_cr4 - wake_start, %eax
	movl	%eax, %cr4
	movl	wake_cr3 - wake_start, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME_NXE, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PG_WP_PE, %eax
	movl	%eax, %cr0
	ljmpl	*(wake_far - wake_start)
wake_far:
	.long	0				# wake_long
	.word	SELECTOR_CODE
wake_gdtr:
	.word	wake_gdt_end - wake_gdt - 1
	.long	0				# wake_gdt
wake_cr3:
	.long	0
wake_cr4:
	.long	0
.balign 8
wake_gdt:
	.quad	0, 0
	.quad	0x00af9b000000ffff		# 0x10 64-bit code, accessed
	.quad	0x00cf93000000ffff		# 0x18 data, accessed
wake_gdt_end:
.code64
wake_long:
	movq	wake_base(%rip), %rbx
	leaq	(OFFSET_TRAMPOLINE + on_boot_processor - trampoline_start)(%rbx), %rax
	jmp	*%rax
wake_base:
	.quad	0				# base of the switchboard
wake_end:
trampoline_end:

.section .note.GNU-stack,"",@progbits
