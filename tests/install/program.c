/* A program of somebody who has only what was installed. */
#include <runestore.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    const char *event = "{\"type\":\"Opened\",\"domain\":\"account\",\"instance_id\":\"a-1\"}";
    store_t *store;
    char *answer;
    size_t length;

    if (store_abi_version() >> 16 != STORE_ABI_VERSION >> 16) return 1;
    if (store_init(NULL, 0, &store, NULL, NULL) != STORE_OK) return 2;
    if (store_append(store, event, strlen(event), NULL, 0, NULL, NULL) != STORE_OK) return 3;
    if (store_get_events(store, NULL, 0, NULL, 0, &answer, &length) != STORE_OK) return 4;
    printf("C, %s: %zu bytes\n", store_version(), length);
    store_free(answer);
    return store_close(store, NULL, NULL);
}
