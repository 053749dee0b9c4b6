/* What a person writes after a look at the header. */
#include <runestore.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    const char *event =
        "{\"type\":\"Opened\",\"domain\":\"account\",\"instance_id\":\"a-1\",\"data\":{\"owner\":\"Ada\"}}";
    store_t *store;
    char *stored;

    store_init(NULL, 0, &store, NULL, NULL);
    store_append(store, event, strlen(event), NULL, 0, &stored, NULL);
    puts(stored);
    store_free(stored);
    return store_close(store, NULL, NULL);
}
