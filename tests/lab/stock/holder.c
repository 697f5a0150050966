/* Something to find in a frozen kernel: threads, 8 MiB of memory, TCP connections, a zombie, a stopped process. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 3
#define MEMORY_BYTES (8 * 1024 * 1024)
#define PORT 4321

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void *wait_forever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* A connection of this process with itself; both ends and the listening socket stay open. */
static void connect_to_self(int family, const struct sockaddr *address, socklen_t length)
{
	int one = 1;
	int listening = socket(family, SOCK_STREAM, 0);
	int connecting = socket(family, SOCK_STREAM, 0);
	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listening, address, length) || listen(listening, 4))
		fail("listen");
	if (connect(connecting, address, length))
		fail("connect");
	if (accept(listening, NULL, NULL) < 0)
		fail("accept");
}

int main(void)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	pthread_t thread;
	char *memory = malloc(MEMORY_BYTES);
	pid_t stopped;

	memset(memory, 1, MEMORY_BYTES);
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fork() == 0)
		_exit(0);
	stopped = fork();
	if (stopped == 0) {
		if (setuid(65534))
			fail("setuid");
		wait_forever(memory);
	}
	kill(stopped, SIGSTOP);
	connect_to_self(AF_INET, (struct sockaddr *)&four, sizeof(four));
	connect_to_self(AF_INET6, (struct sockaddr *)&six, sizeof(six));
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, wait_forever, NULL))
			fail("pthread_create");
	puts("holder is ready");
	fflush(stdout);
	wait_forever(memory);
	return 0;
}
