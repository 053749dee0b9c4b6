package runestore;

import java.util.LinkedHashMap;
import java.util.Map;

/** How much is read, and from which end. They do not change: each method makes others. */
public final class ReadOptions {
    private final Map<String, Object> members;

    /** All, from the first to the last. */
    public ReadOptions() {
        this(Map.of());
    }

    private ReadOptions(Map<String, Object> members) {
        this.members = members;
    }

    /**
     * At most so many events; of a page, its size.
     *
     * @param events a number from 0 on, for a page from 1 on
     * @return other options
     */
    public ReadOptions limit(long events) {
        return with("limit", events);
    }

    /**
     * So many events that match are passed over first. Not for followers.
     *
     * @param events a number from 0 on
     * @return other options
     */
    public ReadOptions offset(long events) {
        return with("offset", events);
    }

    /**
     * From the last to the first. Not for followers.
     *
     * @return other options
     */
    public ReadOptions backward() {
        return with("direction", "backward");
    }

    /**
     * How much a cursor fetches at once: 1 MiB, where nothing is said. For cursors, streams and followers.
     *
     * @param bytes a number from 1 on
     * @return other options
     */
    public ReadOptions maxBytes(long bytes) {
        return with("max_bytes", bytes);
    }

    /** The JSON of the options. */
    @Override
    public String toString() {
        return Json.text(members, "options");
    }

    byte[] bytes() {
        return Json.bytes(members, "options");
    }

    boolean isBackward() {
        return members.containsKey("direction");
    }

    ReadOptions with(String key, Object value) {
        Map<String, Object> more = new LinkedHashMap<>(members);
        more.put(key, value);
        return new ReadOptions(more);
    }
}
