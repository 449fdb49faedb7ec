/* Answers every event with the second line of its script and the version of zlib inside. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char answer[4096]; /* of the Runtime API, as text */

static char *ask(const char *request) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(strchr(api, ':') + 1))};
    char host[64] = "";
    memcpy(host, api, strchr(api, ':') - api);
    inet_pton(AF_INET, host, &address.sin_addr);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) || write(connection, request, strlen(request)) < 0)
        exit(1);
    size_t have = 0;
    for (ssize_t got; (got = read(connection, answer + have, sizeof answer - 1 - have)) > 0;)
        have += (size_t)got;
    answer[have] = 0;
    close(connection);
    return answer;
}

int main(int count, char **words) {
    char line[512], body[640], request[1024], id[64] = "";
    FILE *script = fopen(words[count > 1], "r");
    if (!script || !fgets(line, sizeof line, script) || !fgets(line, sizeof line, script))
        return 2;
    line[strcspn(line, "\n")] = 0;
    for (;;) {
        const char *path = "/2018-06-01/runtime/invocation";
        snprintf(request, sizeof request, "GET %s/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
        const char *header = strcasestr(ask(request), "Lambda-Runtime-Aws-Request-Id: ");
        if (!header || sscanf(header + 31, "%63[^\r]", id) != 1)
            return 3;
        int length = snprintf(body, sizeof body, "{\"says\": \"%s\", \"zlib\": \"%s\"}", line, zlibVersion());
        snprintf(request, sizeof request, "POST %s/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 "Content-Length: %d\r\n\r\n%s", path, id, length, body);
        ask(request);
    }
}
