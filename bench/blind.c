/* A relay that understands nothing: the floor of what a front between two UDP peers can cost.
 *
 *   blind ADDRESS PORT INSIDE_PORT NODE NODE_PORT
 *
 * What comes to ADDRESS:PORT goes to the node, what the node sends goes to whoever wrote last.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int opened(struct sockaddr_in *at, const char *host, const char *port)
{
	int size = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(at, 0, sizeof *at);
	at->sin_family = AF_INET;
	at->sin_port = htons((unsigned short)atoi(port));
	if (fd < 0 || inet_pton(AF_INET, host, &at->sin_addr) != 1
	    || bind(fd, (struct sockaddr *)at, sizeof *at) < 0) {
		perror(host);
		exit(1);
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	return fd;
}

int main(int count, char **word)
{
	static char data[65536];
	struct sockaddr_in own, node, peer, from;
	struct pollfd wait[2];
	int side;

	if (count != 6)
		return 2;
	wait[0].fd = opened(&own, word[1], word[2]);
	wait[1].fd = opened(&own, word[1], word[3]);
	wait[0].events = wait[1].events = POLLIN;
	memset(&node, 0, sizeof node);
	node.sin_family = AF_INET;
	node.sin_port = htons((unsigned short)atoi(word[5]));
	if (inet_pton(AF_INET, word[4], &node.sin_addr) != 1)
		return 2;
	memset(&peer, 0, sizeof peer);
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(wait, 2, -1) < 0)
			continue;
		for (side = 0; side < 2; side++) {
			if (!wait[side].revents)
				continue;
			for (;;) {
				socklen_t length = sizeof from;
				ssize_t size = recvfrom(wait[side].fd, data, sizeof data, 0,
							(struct sockaddr *)&from, &length);
				if (size < 0)
					break;
				if (side == 0) {
					peer = from;
					sendto(wait[1].fd, data, (size_t)size, 0,
					       (struct sockaddr *)&node, sizeof node);
				} else {
					sendto(wait[0].fd, data, (size_t)size, 0,
					       (struct sockaddr *)&peer, sizeof peer);
				}
			}
		}
	}
}
