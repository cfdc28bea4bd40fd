/*
 * Preloaded into user-mode Linux.
 *
 * It saves and restores the registers of its processes in a buffer of fixed
 * size. Since processors have AMX, the kernel refuses to restore registers
 * from a buffer that is smaller than all of them. So the rest is added here:
 * zeros, because no process in there uses AMX.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const long all_registers = 0x202;
static char registers[65536];

static long restore(long pid, struct iovec *given)
{
	struct iovec whole = { registers, sizeof(registers) };

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, all_registers, &whole))
		return -1;
	if (given->iov_len >= whole.iov_len)
		return syscall(SYS_ptrace, PTRACE_SETREGSET, pid,
			       all_registers, given);
	memset(registers, 0, whole.iov_len);
	memcpy(registers, given->iov_base, given->iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, all_registers,
		       &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	long pid, address, result, word;
	void *data;

	va_start(arguments, request);
	pid = va_arg(arguments, long);
	address = va_arg(arguments, long);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (request == PTRACE_SETREGSET && address == all_registers)
		return restore(pid, data);
	if (request < PTRACE_PEEKTEXT || request > PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, pid, address, data);
	result = syscall(SYS_ptrace, request, pid, address, &word);
	return result < 0 ? result : word;
}
